in vec2 v_uv;
in vec3 v_hair_position;

uniform sampler2D surface_texture;
uniform float alpha_cut;      // 0: opaque surface
uniform int is_hair;

void main() {
    if (is_hair == 1 && covers_face(v_hair_position, v_uv)) discard;
    if (alpha_cut > 0. && texture(surface_texture, v_uv).a < alpha_cut) discard;
}
