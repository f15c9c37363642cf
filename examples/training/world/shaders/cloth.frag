// Clothes: the texture's luminance, dyed. attributes: occlusion.
uniform vec3 dye;
uniform float dye_gain;        // brings the texture's mean luminance to one level
uniform float dye_amount;

void main() {
    vec4 texel = texture(surface_texture, v_uv);
    if (texel.a < .5) discard;
    vec3 n = normalize(v_normal);
    vec3 v = normalize(camera - v_position);
    if (dot(n, v) < 0.) n = -n;
    vec3 albedo = linear_color(texel.rgb);
    float luminance = dot(albedo, vec3(.3, .6, .1));
    albedo = mix(albedo, dye * clamp(.35 + luminance * dye_gain, .25, 2.0), dye_amount);
    float occlusion = v_attributes.x, rough = .75;
    float visible = key_light_visible(.007);
    vec3 diffuse = vec3(0.), specular = vec3(0.);
    for (int i = 0; i < 3; i++) {
        float d = dot(n, light_direction[i]);
        float k = max((d + .15) / 1.32, 0.);
        float shadow = i == 0 ? visible : 1.;
        diffuse += albedo * light_color[i] * k * shadow * mix(.35, 1., occlusion) * .62;
        specular += light_color[i] * shadow * max(d, 0.) * .012 * ggx(n, v, light_direction[i], rough * rough) * occlusion;
    }
    diffuse += albedo * sky(n) * ambient * occlusion;
    out_color = vec4(tone_curve(diffuse + specular), 1.);
    out_normal = vec4(n * .5 + .5, 0.);
    out_class = vec4(CLASS_CLOTHING / 255., 0., 0., 1.);
}
