// A rectangle over the whole picture.
in vec2 corner;
out vec2 v_corner;

void main() {
    v_corner = corner;
    gl_Position = vec4(corner, .9999, 1.);
}
