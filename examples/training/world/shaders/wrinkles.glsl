// Wrinkles of expression, as a field of creases 0..1 over the face: lines across a raised forehead, upright ones between
// lowered brows, and the folds from the wings of the nose to the corners of a smiling mouth.
in vec2 v_place;                // distances between the eyes, from the point between them; see wrinkles.py
uniform float wrinkle_depth;    // 0..1, of the person
uniform vec3 brow_raised;       // inner, outer at image left, outer at image right
uniform float frown;
uniform vec2 fold;              // image left, image right

float crease(float away, float width) {
    return exp(-away * away / (width * width));
}

float forehead(vec2 q) {
    float outer = mix(brow_raised.y, brow_raised.z, smoothstep(-.25, .25, q.x));
    float raised = mix(brow_raised.x, mix(brow_raised.x, outer, .75), smoothstep(.15, .45, abs(q.x)));
    float reach = smoothstep(.82, .45, abs(q.x));
    float lines = 0.;
    for (int k = 0; k < 4; k++) {
        float at = .50 + .125 * float(k) - .10 * q.x * q.x + .012 * sin(8. * q.x + 2.1 * float(k));
        float strength = k == 0 ? .7 : (k == 3 ? .45 : 1.);
        lines += strength * crease(q.y - at, .024);
    }
    return raised * reach * lines;
}

float between_brows(vec2 q) {
    float reach = smoothstep(.02, .12, q.y) * smoothstep(.50, .32, q.y);
    float away = abs(abs(q.x + .01) - (.085 + .10 * max(q.y - .15, 0.)));
    return frown * reach * crease(away, .024);
}

float beside_mouth(vec2 q) {
    float deep = mix(fold.x, fold.y, step(0., q.x));
    vec2 p = vec2(abs(q.x), q.y), from = vec2(.30, -.66), to = vec2(.54, -1.06);
    float along = clamp(dot(p - from, to - from) / dot(to - from, to - from), 0., 1.);
    float away = length(p - mix(from, to, along) + vec2(.04, .02) * sin(3.14 * along));
    return .8 * deep * sin(3.14 * (.12 + .76 * along)) * crease(away, .032);
}

float creases() {
    return wrinkle_depth * (forehead(v_place) + between_brows(v_place) + beside_mouth(v_place));
}

// The normal of a surface whose height, in metres, changes over the picture (Mikkelsen 2010, bump mapping unparametrized).
vec3 bumped(vec3 n, vec3 position, float height) {
    vec3 dx = dFdx(position), dy = dFdy(position);
    vec3 across = cross(dy, n), down = cross(n, dx);
    float area = dot(dx, across);
    vec3 slope = sign(area) * (dFdx(height) * across + dFdy(height) * down);
    return normalize(abs(area) * n - slope);
}
