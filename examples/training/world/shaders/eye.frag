// Eyeballs: spheres with an iris texture turned to the gaze. attributes: occlusion, side (0 left, 1 right).
uniform vec3 eye_center[2];
uniform vec3 gaze[2];
uniform float iris_brightness;
uniform float iris_brown;      // 1: re-tint the texture to dark brown

void main() {
    int side = v_attributes.y > .5 ? 1 : 0;
    vec3 n = normalize(v_position - eye_center[side]);
    vec3 v = normalize(camera - v_position);
    vec3 g = gaze[side];

    vec3 albedo = linear_color(texture(surface_texture, v_uv).rgb);
    float angle = acos(clamp(dot(n, g), -1., 1.));
    float iris = 1. - smoothstep(.42, .47, angle);
    vec3 iris_color = mix(albedo, vec3(dot(albedo, vec3(.3, .5, .2))), .45) * mix(.62, .40, iris_brown) * iris_brightness;
    iris_color = mix(iris_color, vec3(dot(iris_color, vec3(.4, .5, .1))) * vec3(1.25, .86, .55), iris_brown);
    albedo = mix(albedo * vec3(.74, .72, .72), iris_color, iris);
    float limbus = smoothstep(.30, .44, angle) * iris;
    albedo *= 1. - .65 * limbus;

    float occlusion = v_attributes.x;
    float visible = key_light_visible(.008);
    vec3 cornea = normalize(n + (n - g * dot(n, g)) * mix(.0, .55, iris));
    vec3 diffuse = vec3(0.), specular = vec3(0.);
    for (int i = 0; i < 3; i++) {
        float d = dot(n, light_direction[i]);
        vec3 wrap = vec3(.35, .28, .25);
        vec3 k = max((vec3(d) + wrap) / ((1. + wrap) * (1. + wrap)), 0.);
        float shadow = i == 0 ? visible : 1.;
        diffuse += albedo * light_color[i] * k * shadow * mix(.5, 1., occlusion) * .6;
        float h = max(dot(cornea, normalize(v + light_direction[i])), 0.);
        specular += light_color[i] * mix(.4, 1., shadow) * (pow(h, 220.) * 1.6 + pow(h, 30.) * .03);
    }
    diffuse += albedo * sky(n) * ambient * occlusion;
    vec3 reflected = reflect(-v, cornea);
    diffuse += vec3(.045) * ambient * smoothstep(-.2, .8, reflected.y) * occlusion;
    out_color = vec4(tone_curve(diffuse + specular * smoothstep(.15, .6, occlusion)), 1.);
    out_normal = vec4(n * .5 + .5, 1.);
    out_class = vec4(CLASS_EYES / 255., 0., 0., 1.);
}
