// Shared by every surface fragment shader: three directional lights (key, fill, rim; the key casts the shadow), sky, tone curve.
// Outputs: colour + coverage, normal (0..1) + coverage, segmentation class / 255.
in vec3 v_position;
in vec3 v_normal;
in vec2 v_uv;
in vec4 v_attributes;
in vec3 v_shadow;

layout(location = 0) out vec4 out_color;
layout(location = 1) out vec4 out_normal;
layout(location = 2) out vec4 out_class;

uniform vec3 camera;
uniform vec3 light_direction[3];
uniform vec3 light_color[3];
uniform float ambient;
uniform sampler2D surface_texture;
uniform sampler2D face_masks;      // red lips, green inside of the mouth, blue scalp, alpha noise
uniform sampler2D shadow_map;

float key_light_visible(float bias) {
    float s = 0.;
    vec2 pixel = vec2(1. / 512.);
    float z = v_shadow.z - bias;
    s += clamp(1. - (z - texture(shadow_map, v_shadow.xy + vec2(1.7, .5) * pixel).r) * 220., 0., 1.);
    s += clamp(1. - (z - texture(shadow_map, v_shadow.xy + vec2(-1.2, 1.3) * pixel).r) * 220., 0., 1.);
    s += clamp(1. - (z - texture(shadow_map, v_shadow.xy + vec2(-.4, -1.8) * pixel).r) * 220., 0., 1.);
    return s * .3333;
}

vec3 tone_curve(vec3 c) {
    c = max(c, 0.);
    c = c * (1.0 + c * 0.10) / (1.0 + c * 0.42);
    c = min(c, vec3(1.));
    return sqrt(c) * (vec3(1.13) - .13 * c);
}

vec3 linear_color(vec3 t) { return t * t * (.72 + .28 * t); }

float ggx(vec3 n, vec3 v, vec3 l, float a) {
    vec3 h = normalize(v + l);
    float nh = max(dot(n, h), 0.);
    float a2 = a * a;
    float d = nh * nh * (a2 - 1.) + 1.;
    float lh = max(dot(l, h), .05);
    return a2 / (4. * d * d * max(lh * lh, .1) * (a + .5));
}

vec3 sky(vec3 n) { return mix(vec3(.62, .56, .52), vec3(1.0, 1.02, 1.06), n.y * .5 + .5); }
