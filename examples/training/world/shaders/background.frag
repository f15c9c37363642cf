// A soft vignette behind the person, with no coverage: alpha stays 0 wherever nothing else is drawn.
in vec2 v_corner;
layout(location = 0) out vec4 out_color;
layout(location = 1) out vec4 out_normal;
layout(location = 2) out vec4 out_class;

uniform vec3 inner_color;
uniform vec3 outer_color;

void main() {
    float t = clamp(length(v_corner - vec2(0., .15)) * .62, 0., 1.);
    out_color = vec4(mix(inner_color, outer_color, t * t * (3. - 2. * t)), 0.);
    out_normal = vec4(0, 0, 0, 1);
    out_class = vec4(0, 0, 0, 1);
}
