// Frames of glasses: plain plastic or metal. They leave the segmentation as it is.
uniform vec3 frame_color;

void main() {
    vec3 n = normalize(v_normal);
    vec3 v = normalize(camera - v_position);
    if (dot(n, v) < 0.) n = -n;
    float visible = mix(key_light_visible(.008), 1., .3);
    vec3 color = frame_color * sky(n) * ambient;
    for (int i = 0; i < 3; i++) {
        float shadow = i == 0 ? visible : 1.;
        float d = max(dot(n, light_direction[i]), 0.);
        color += light_color[i] * shadow * d * (frame_color * .62 + .04 * ggx(n, v, light_direction[i], .09));
    }
    out_color = vec4(tone_curve(color), 1.);
    out_normal = vec4(0.);
    out_class = vec4(0.);
}
