// From the supersampled picture to the final size: four taps for colour and normals, nearest for classes.
in vec2 v_corner;
layout(location = 0) out vec4 out_color;
layout(location = 1) out vec4 out_normal;
layout(location = 2) out vec4 out_class;

uniform sampler2D color_map;
uniform sampler2D normal_map;
uniform sampler2D class_map;
uniform float offset;

vec4 four_taps(sampler2D map, vec2 u) {
    return .25 * (texture(map, u + vec2(offset, offset)) + texture(map, u + vec2(-offset, offset))
                + texture(map, u + vec2(offset, -offset)) + texture(map, u - vec2(offset, offset)));
}

void main() {
    vec2 u = v_corner * .5 + .5;
    out_color = four_taps(color_map, u);
    out_normal = four_taps(normal_map, u);
    out_class = texture(class_map, u);
}
