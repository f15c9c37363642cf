// Brows and lashes: textured cards blended over the skin. attributes of lashes: occlusion, nearness to the outer corner.
uniform vec3 tint;
uniform float gain;
uniform float blink;            // 0..1; lashes pile up in the corner of a closed eye, so they thin out there
uniform float class_index;      // 0: leaves the segmentation as it is

void main() {
    float thin = 1. - blink * mix(.25, .9, v_attributes.y);
    float alpha = clamp(texture(surface_texture, v_uv).a * gain * thin, 0., 1.);
    if (alpha < .03) discard;
    vec3 n = normalize(v_normal);
    vec3 v = normalize(camera - v_position);
    if (dot(n, v) < 0.) n = -n;
    float visible = mix(key_light_visible(.010), 1., .3);
    vec3 color = vec3(0.);
    for (int i = 0; i < 3; i++) {
        float k = max((dot(n, light_direction[i]) + .4) / 1.6, 0.);
        color += tint * light_color[i] * k * (i == 0 ? visible : 1.) * .7;
    }
    color += tint * ambient;
    out_color = vec4(tone_curve(color), alpha);
    out_normal = vec4(0.);
    out_class = vec4(class_index / 255., 0., 0., (class_index > 0. && alpha > .35) ? 1. : 0.);
}
