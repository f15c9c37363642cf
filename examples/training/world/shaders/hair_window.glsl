// The window of the face that hair never covers: fringes are trimmed here, so that eyes stay visible.
// Swept fringes end on a line that rises towards the parting, at image right.
uniform float swept;      // 0 or 1

// q: position relative to the point between the eyes, in units of the eye-mouth distance.
bool covers_face(vec3 q, vec2 uv) {
    float strand = abs(fract(uv.x * 31. + uv.y * 7.) - .5) * .10 + abs(fract(uv.x * 97.) - .5) * .07 - .04;
    float across = max(abs(q.x) + strand * .35, 0.);
    float u = min(across * 1.163, 1.);
    float top = .56 - .30 * u * u * sqrt(u) + strand;
    float rising = .32 + .95 * smoothstep(-.95, .42, q.x) + .4 * strand;
    top = mix(top, max(rising, top), swept);
    float half_width = mix(.80, .92, smoothstep(.0, -1.2, q.y));
    return across < half_width && q.y < top && q.z > -.62;
}
