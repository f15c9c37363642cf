// Every visible surface: passes position, normal, texture coordinate and baked attributes on, and projects into the shadow map.
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec4 attributes;      // meaning depends on the surface, see renderer.py
in vec2 place;           // of skin: on the face, see wrinkles.py

uniform mat4 view_projection;
uniform mat4 light_projection;
uniform vec3 camera;
uniform float lift;      // metres towards the camera, for the depth test alone: brows lie on the skin and must not sink into it

out vec3 v_position;
out vec3 v_normal;
out vec2 v_uv;
out vec4 v_attributes;
out vec2 v_place;
out vec3 v_shadow;

void main() {
    v_position = position;
    v_normal = normal;
    v_uv = uv;
    v_attributes = attributes;
    v_place = place;
    vec4 s = light_projection * vec4(position, 1);
    v_shadow = s.xyz * 0.5 + 0.5;
    gl_Position = view_projection * vec4(position, 1);
    vec4 lifted = view_projection * vec4(position + normalize(camera - position) * lift, 1);
    gl_Position.z = lifted.z / lifted.w * gl_Position.w;
}
