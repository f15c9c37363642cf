// Depth only: shadow map and ambient occlusion.
in vec3 position;
in vec2 uv;
in vec4 attributes;

uniform mat4 view_projection;

out vec2 v_uv;
out vec3 v_hair_position;

void main() {
    v_uv = uv;
    v_hair_position = attributes.yzw;
    gl_Position = view_projection * vec4(position, 1);
}
