// Hair cards. attributes: occlusion, place in the window (see hair_window.glsl).
uniform vec3 hair_color;
uniform float mean_luminance;      // of the texture
uniform vec3 head_center;
uniform float is_afro;             // 1: no highlight along strands
uniform float solid;               // 1: only what covers fully, 0: only the soft rest

void main() {
    if (covers_face(v_attributes.yzw, v_uv)) discard;
    vec4 texel = texture(surface_texture, v_uv);
    // Strands that stand alone are thinner than a pixel: they fade.
    float coverage = texel.a * smoothstep(.20, .55, texture(surface_texture, v_uv, 4.).a);
    bool covers = coverage > .5;
    float alpha = covers ? 1. : clamp((coverage - .2) * 3.3, 0., 1.);
    if (covers != (solid > .5) || alpha < .02) discard;
    vec3 v = normalize(camera - v_position);
    vec3 n = normalize(v_normal);
    if (dot(n, v) < 0.) n = -n;
    n = normalize(mix(n, normalize(v_position - head_center), .55));      // cards shade like the round head they cover

    float l = dot(linear_color(texel.rgb), vec3(.3, .6, .1)) / mean_luminance;
    l = min(sqrt(l) * .72 + .28 * l, 2.);
    vec3 albedo = hair_color * mix(.16, 1., l) * .85;
    float occlusion = mix(v_attributes.x, 1., .35);
    vec2 pixel = vec2(1. / 400.);
    float z = v_shadow.z - .012;
    float visible = clamp(1. - (z - texture(shadow_map, v_shadow.xy + pixel).r) * 260., 0., 1.) * .5
                  + clamp(1. - (z - texture(shadow_map, v_shadow.xy - pixel).r) * 260., 0., 1.) * .5;
    visible = mix(visible, 1., .25);

    // Kajiya-Kay highlights along strands that run downwards.
    vec3 down = vec3(0., -1., .1);
    vec3 tangent = normalize(down - n * dot(n, down));
    float depth = mix(.4, 1., occlusion) * .75;
    vec3 shine = (vec3(.045) + hair_color * 1.5) * clamp(l * .7, .2, 1.5) * (1. - is_afro) * occlusion;
    vec3 color = vec3(0.);
    for (int i = 0; i < 3; i++) {
        float d = dot(n, light_direction[i]);
        float shadow = i == 0 ? visible : 1.;
        color += albedo * light_color[i] * (max((d + .35) * .625, 0.) * shadow * depth);
        vec3 h = normalize(v + light_direction[i]);
        float th = dot(tangent, h) + (l - 1.) * .06;
        float q = max(1. - th * th, 0.);
        float q2 = q * q;
        float q4 = q2 * q2;
        float q9 = q4 * q4 * q;
        float q36 = q9 * q9;
        q36 *= q36;
        color += shine * light_color[i] * ((q36 * .055 + q9 * .05) * shadow * clamp((d + .1) * 2., 0., 1.));
    }
    color += albedo * sky(n) * ambient * occlusion * 1.1;
    out_color = vec4(tone_curve(color), alpha);
    out_normal = vec4(0.);
    out_class = vec4(CLASS_HAIR / 255., 0., 0., alpha > .5 ? 1. : 0.);
}
