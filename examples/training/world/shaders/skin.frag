// Skin, lips, inside of the mouth and scalp; beards and lipstick are painted in. attributes: occlusion, scalp, beard, cheek.
uniform vec3 skin_tone;
uniform vec3 hair_color;
uniform float scalp_hair;
uniform float swept;            // 0 or 1
uniform float beard;
uniform vec3 lip_color;
uniform float lip_amount;
uniform float blush;
uniform float mouth_depth;      // z of the lips, metres

const float CREASE = .0011;       // metres, the deepest
const float SWEPT_SCALP = 1.15;   // distances between the eyes above them
const float CREASE_SHADE = .42;   // light that the deepest loses

const float BEARD_COVER = 1.3;    // of the skin, for a beard of 1

float hash(vec2 q) {
    return fract(sin(dot(q, vec2(12.9898, 78.233))) * 43758.5453);
}

// Short strands that hang from the mouth outwards, 0..1.
float strands(vec2 place) {
    vec2 q = vec2(place.x * 42. + place.y * place.x * 14., place.y * 9.);
    vec2 cell = floor(q), f = smoothstep(0., 1., fract(q));
    return mix(mix(hash(cell), hash(cell + vec2(1., 0.)), f.x), mix(hash(cell + vec2(0., 1.)), hash(cell + vec2(1.)), f.x), f.y);
}

void main() {
    float crease = creases();
    vec3 n = bumped(normalize(v_normal), v_position, -CREASE * crease);
    vec3 v = normalize(camera - v_position);
    vec4 masks = texture(face_masks, v_uv);
    float lips = masks.r, mouth = masks.g, noise = masks.a;

    vec3 albedo = linear_color(texture(surface_texture, v_uv).rgb);
    albedo *= mix(skin_tone, vec3(1.), max(lips, mouth) * .6);
    albedo = mix(albedo, lip_color * (.35 + dot(albedo, vec3(1.2))), lips * lip_amount * (1. - mouth));
    albedo = mix(albedo, albedo * vec3(1.06, .86, .84), v_attributes.w * blush * (1. - lips));
    float stubble = v_attributes.z * (1. - lips) * (1. - mouth) * clamp(BEARD_COVER * beard * mix(.8, 1.2, noise), 0., .92);
    float strand = strands(v_place);
    stubble *= mix(1., .7 + .6 * strand, smoothstep(.1, .4, beard));
    albedo = mix(albedo, hair_color * mix(.45, .75, strand) + albedo * .06, clamp(stubble, 0., .94));
    float scalp = clamp(masks.b * v_attributes.y * scalp_hair, 0., 1.);
    // Under a swept fringe that is trimmed, painted temples would stand out from the forehead as a tooth.
    scalp *= mix(1., smoothstep(SWEPT_SCALP - .1, SWEPT_SCALP + .1, v_place.y), swept);
    scalp *= mix(.8, 1.1, noise);
    albedo = mix(albedo, hair_color * .5, clamp(scalp, 0., .92));
    if (mouth > .5) albedo = mix(albedo, vec3(.32, .065, .06), .6);

    float occlusion = v_attributes.x;
    if (mouth > .4) occlusion *= .55;
    occlusion *= 1. - CREASE_SHADE * min(crease, 1.);
    // Light bleeds red into creases, as it does in skin.
    vec3 occlusion_color = vec3(mix(occlusion, sqrt(occlusion), .5), occlusion, occlusion * (.9 + .1 * occlusion));
    float visible = key_light_visible(.006);
    vec3 shadow_color = vec3(mix(visible, sqrt(visible), .8), visible, visible * (.9 + .1 * visible));
    // Wrapped diffuse light stands in for subsurface scattering: red wraps furthest.
    vec3 wrap = vec3(.42, .22, .16) * (1. - .7 * mouth);
    vec3 wrap_scale = 1. / ((1. + wrap) * (1. + wrap));
    float rough = mix(.46, .38, lips);
    rough = mix(rough, .7, max(scalp, stubble * .8));
    float f0 = mix(.030, .034, lips) * (1. - .6 * max(scalp, stubble));
    float fresnel = 1. - max(dot(n, v), 0.);
    fresnel = fresnel * fresnel * fresnel * fresnel * fresnel;

    // On dark skin the same reflection stands out more, and reads as wet.
    float matte = mix(.45, .85, smoothstep(.02, .22, dot(albedo, vec3(.3, .6, .1))));
    vec3 diffuse = vec3(0.), specular = vec3(0.);
    for (int i = 0; i < 3; i++) {
        float d = dot(n, light_direction[i]);
        vec3 k = max((vec3(d) + wrap) * wrap_scale, 0.);
        k *= mix(vec3(1.), occlusion_color, i == 0 ? .55 : .85);
        vec3 shadow = i == 0 ? shadow_color : vec3(1.);
        diffuse += albedo * light_color[i] * k * shadow * .62;
        float lobe = i == 0 ? ggx(n, v, light_direction[0], rough * rough) * .7 + ggx(n, v, light_direction[0], .55) * .3
                            : ggx(n, v, light_direction[i], .36);
        specular += light_color[i] * shadow * max(d, 0.) * (f0 + (1. - f0) * fresnel * .25) * lobe * .62 * mix(occlusion, 1., .25);
    }
    if (mouth > .4) {      // the back of the mouth is dark
        float depth = mix(.06, .9, smoothstep(mouth_depth - .030, mouth_depth - .001, v_position.z));
        diffuse *= depth;
        albedo *= depth;
        specular *= depth * .5;
    }
    specular *= matte;
    diffuse += albedo * sky(n) * ambient * occlusion_color;
    diffuse += sky(reflect(-v, n)) * ambient * matte * (f0 * .5 + fresnel * .10) * occlusion * occlusion;
    out_color = vec4(tone_curve(diffuse + specular), 1.);
    out_normal = vec4(n * .5 + .5, 1.);
    out_class = vec4((mouth > .5 ? CLASS_MOUTH : (lips > .5 ? CLASS_LIPS : CLASS_SKIN)) / 255., 0., 0., 1.);
}
