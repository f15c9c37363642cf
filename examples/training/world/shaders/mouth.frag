// Teeth and tongue. Light falls off with depth behind the lips and with how far the mouth is open.
// attributes of teeth: occlusion, tooth (1) or gum (0), height above the incisal edge, distance from the middle of the arch.
uniform int is_tongue;
uniform vec2 depth_fade;      // z in metres: fully dark, fully lit
uniform float openness;       // 0..1

void main() {
    vec3 n = normalize(v_normal);
    vec3 v = normalize(camera - v_position);
    if (dot(n, v) < 0.) n = -n;
    vec3 albedo = linear_color(texture(surface_texture, v_uv).rgb);
    float depth = smoothstep(depth_fade.x, depth_fade.y, v_position.z);
    float light, gloss, visible = key_light_visible(.007);
    if (is_tongue == 1) {
        albedo = mix(albedo, vec3(.50, .16, .15), .7);
        light = mix(.08, .8, depth) * mix(.25, 1., openness);
        visible = mix(visible, 1., .25);
        gloss = .06;
    } else {
        float tooth = v_attributes.y, height = v_attributes.z, side = v_attributes.w;
        vec3 enamel = mix(vec3(.78, .75, .70), vec3(.76, .66, .52), smoothstep(.55, 1.1, height));
        enamel *= .80 + .22 * sqrt(dot(albedo, vec3(.3, .6, .1)));
        albedo = mix(vec3(.42, .13, .12), enamel, tooth);
        n = normalize(mix(n, v, .45 * tooth));      // an even row: single teeth hardly shade at this size
        light = mix(.10, 1., depth) * mix(.25, 1., openness) * (1. - .55 * side * side);
        light *= 1. - .22 * tooth * smoothstep(.35, 1., height);      // in the shade of the lip
        visible = mix(visible, 1., .35);
        gloss = .03;
    }
    vec3 diffuse = vec3(0.), specular = vec3(0.);
    for (int i = 0; i < 3; i++) {
        float d = dot(n, light_direction[i]);
        float k = max((d + .3) / 1.5, 0.);
        float shadow = i == 0 ? visible : 1.;
        diffuse += albedo * light_color[i] * k * shadow * .62 * light;
        specular += light_color[i] * shadow * max(d, 0.) * gloss * ggx(n, v, light_direction[i], .10) * light;
    }
    diffuse += albedo * sky(n) * ambient * light;
    out_color = vec4(tone_curve(diffuse + specular), 1.);
    out_normal = vec4(n * .5 + .5, 1.);
    out_class = vec4(CLASS_MOUTH / 255., 0., 0., 1.);
}
