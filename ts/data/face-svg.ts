import type { ExpressionUnits, FaceIdentity, FaceParameters } from './synthetic-parameters.js';

/** A point or a length in hundredths of the image's side. */
const n = (value: number): string => value.toFixed(2);

type Rgb = readonly [number, number, number];
const css = (rgb: Rgb): string => `rgb(${rgb.map((v) => Math.round(Math.max(0, Math.min(255, v)))).join(',')})`;
const mix = (a: Rgb, b: Rgb, t: number): Rgb => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];
const shade = (rgb: Rgb, factor: number): Rgb => [rgb[0] * factor, rgb[1] * factor, rgb[2] * factor];
const clamp = (value: number, low: number, high: number): number => Math.max(low, Math.min(high, value));

const centre = 50;
const eyeLine = 45;
/** The middle of the head, a little below the eyes. */
const middle = 52;

interface Palette {
  readonly skin: Rgb;
  readonly lit: Rgb;
  readonly shadow: Rgb;
  readonly line: Rgb;
  readonly hair: Rgb;
  readonly lip: Rgb;
}

function paletteOf({ skin, warmth, hairTone }: FaceIdentity): Palette {
  const tone = mix([244, 210, 188], [104, 66, 46], skin);
  const warmed = mix(tone, [tone[0] * 1.03, tone[1] * 0.97, tone[2] * 0.9], warmth);
  return {
    skin: warmed,
    lit: mix(warmed, [255, 250, 240], 0.3),
    shadow: shade(warmed, 0.58),
    line: shade(warmed, 0.32),
    hair: mix([206, 172, 112], [26, 20, 18], hairTone),
    lip: mix(shade(warmed, 0.72), [150, 50, 50], 0.35),
  };
}

/**
 * A face as an SVG of 100 x 100 units, drawn without filters so that hundreds take a second.
 * @param id unique among the faces of one document
 */
export function faceSvg(parameters: FaceParameters, id: string): string {
  const { identity, pose, light, expression } = parameters;
  const palette = paletteOf(identity);
  const { shiftX, shiftY, tilt, scale, turn } = pose;
  const angle = (light.direction * Math.PI) / 180;
  const [lightX, lightY] = [Math.sin(angle), -Math.cos(angle)];
  const place =
    `translate(${n(shiftX)} ${n(shiftY)}) rotate(${n(tilt)} ${centre} ${middle}) ` +
    `translate(${n(centre * (1 - scale))} ${n(middle * (1 - scale))}) scale(${n(scale)})`;
  const skinGradient = radial(
    `${id}s`,
    centre + 16 * lightX * light.strength,
    middle + 20 * lightY * light.strength - 4,
    identity.faceHeight * 1.25,
    [
      [0, palette.lit, 1],
      [0.45, palette.skin, 1],
      [1, mix(palette.skin, palette.shadow, 0.35 + 0.65 * light.strength), 1],
    ],
  );
  // A shadow over everything on the side away from the light.
  const sideShadow =
    `<linearGradient id="${id}l" x1="${n(0.5 + 0.5 * lightX)}" y1="${n(0.5 + 0.5 * lightY)}" ` +
    `x2="${n(0.5 - 0.5 * lightX)}" y2="${n(0.5 - 0.5 * lightY)}">` +
    `<stop offset="0.35" stop-color="#000" stop-opacity="0"/>` +
    `<stop offset="1" stop-color="#000" stop-opacity="${n(0.55 * light.strength)}"/></linearGradient>`;
  const features =
    `<g transform="translate(${n(turn * 4)} 0)">` +
    softShadows(identity, palette, expression, id) +
    eyes(identity, palette, expression, id) +
    nose(identity, palette, expression, turn) +
    folds(identity, palette, expression) +
    mouth(identity, palette, expression, id) +
    brows(identity, palette, expression) +
    (identity.glasses ? glasses(identity) : '') +
    `</g>`;
  const head = headPath(identity, expression);
  return (
    `<defs>${skinGradient}${sideShadow}<clipPath id="${id}h"><path d="${head}"/></clipPath></defs>` +
    background(parameters, id) +
    `<g transform="${place}">` +
    hairBehind(identity, palette) +
    neckAndEars(identity, palette, light.background) +
    `<path d="${head}" fill="url(#${id}s)"/>` +
    `<g clip-path="url(#${id}h)">${beard(identity, palette, id)}${features}` +
    `<rect width="100" height="120" fill="url(#${id}l)"/></g>` +
    hairInFront(identity, palette) +
    `</g>`
  );
}

type Stop = readonly [offset: number, colour: Rgb, opacity: number];

function radial(id: string, x: number, y: number, r: number, stops: readonly Stop[]): string {
  const inner = stops.map(
    ([offset, colour, opacity]) =>
      `<stop offset="${n(offset)}" stop-color="${css(colour)}" stop-opacity="${n(opacity)}"/>`,
  );
  return (
    `<radialGradient id="${id}" gradientUnits="userSpaceOnUse" cx="${n(x)}" cy="${n(y)}" r="${n(r)}">` +
    `${inner.join('')}</radialGradient>`
  );
}

/** An ellipse that fades out to its rim: shading without a blur. */
function soft(id: string, colour: Rgb, opacity: number, x: number, y: number, rx: number, ry: number): string {
  if (opacity < 0.02) return '';
  return (
    `<radialGradient id="${id}"><stop offset="0" stop-color="${css(colour)}" stop-opacity="${n(Math.min(1, opacity))}"/>` +
    `<stop offset="1" stop-color="${css(colour)}" stop-opacity="0"/></radialGradient>` +
    `<ellipse cx="${n(x)}" cy="${n(y)}" rx="${n(rx)}" ry="${n(ry)}" fill="url(#${id})"/>`
  );
}

const stroke = (d: string, colour: Rgb, width: number, opacity = 1): string =>
  opacity < 0.02
    ? ''
    : `<path d="${d}" fill="none" stroke="${css(colour)}" stroke-width="${n(width)}" ` +
      `stroke-opacity="${n(Math.min(1, opacity))}" stroke-linecap="round"/>`;

function background({ light }: FaceParameters, id: string): string {
  const grey = (t: number): Rgb => {
    const v = 255 * clamp(t, 0.02, 0.98);
    return [v, v, v * 0.97];
  };
  const left = grey(light.background - light.backgroundSlope);
  const right = grey(light.background + light.backgroundSlope);
  const patch = (i: number, byte: number) =>
    soft(`${id}b${i}`, grey(1 - light.background), 0.35, (byte & 255) / 2.55, ((byte >>> 8) & 255) / 2.55, 34, 30);
  return (
    `<linearGradient id="${id}g"><stop offset="0" stop-color="${css(left)}"/>` +
    `<stop offset="1" stop-color="${css(right)}"/></linearGradient>` +
    `<rect width="100" height="100" fill="url(#${id}g)"/>${patch(0, light.seed)}${patch(1, light.seed >>> 16)}`
  );
}

/** The outline of the head; a dropped jaw makes it longer. */
function headPath({ faceWidth: w, faceHeight: h, jaw }: FaceIdentity, { jawDrop }: ExpressionUnits): string {
  const top = middle - h;
  const chin = middle + h * 0.98 + 4 * clamp(jawDrop, 0, 1);
  const jawY = middle + h * 0.55;
  const jawX = w * jaw;
  const half = (side: 1 | -1) => (t: number) => n(centre + side * t);
  const [r, l] = [half(1), half(-1)];
  return (
    `M${centre} ${n(top)}C${r(w * 0.72)} ${n(top)} ${r(w)} ${n(top + h * 0.35)} ${r(w)} ${n(middle - h * 0.05)}` +
    `C${r(w)} ${n(middle + h * 0.3)} ${r(jawX * 1.08)} ${n(jawY - h * 0.12)} ${r(jawX * 0.95)} ${n(jawY)}` +
    `C${r(jawX * 0.75)} ${n(chin - h * 0.12)} ${r(w * 0.35)} ${n(chin)} ${centre} ${n(chin)}` +
    `C${l(w * 0.35)} ${n(chin)} ${l(jawX * 0.75)} ${n(chin - h * 0.12)} ${l(jawX * 0.95)} ${n(jawY)}` +
    `C${l(jawX * 1.08)} ${n(jawY - h * 0.12)} ${l(w)} ${n(middle + h * 0.3)} ${l(w)} ${n(middle - h * 0.05)}` +
    `C${l(w)} ${n(top + h * 0.35)} ${l(w * 0.72)} ${n(top)} ${centre} ${n(top)}Z`
  );
}

function neckAndEars({ faceWidth: w, jaw }: FaceIdentity, palette: Palette, background: number): string {
  const neck = w * jaw * 0.75;
  const cloth = 40 + 170 * ((background * 7.3) % 1);
  const ear = (side: 1 | -1) =>
    `<ellipse cx="${n(centre + side * (w + 0.5))}" cy="50" rx="3.4" ry="7" fill="${css(shade(palette.skin, 0.82))}"/>`;
  return (
    `<rect x="${n(centre - neck)}" y="76" width="${n(2 * neck)}" height="40" fill="${css(palette.shadow)}"/>` +
    `<ellipse cx="${centre}" cy="116" rx="52" ry="20" fill="${css([cloth, cloth, cloth * 1.04])}"/>` +
    ear(1) +
    ear(-1)
  );
}

function hairBehind({ hair, faceWidth: w, faceHeight: h }: FaceIdentity, palette: Palette): string {
  if (hair === 'none') return '';
  const colour = css(shade(palette.hair, 0.8));
  const top = middle - h - 4;
  const long = hair === 'long';
  const bottom = long ? 104 : middle - 2;
  const spread = w + (long ? 7 : 3.5);
  return (
    `<path d="M${n(centre - spread)} ${n(bottom)}C${n(centre - spread - 2)} ${n(top)} ${n(centre - w * 0.6)} ${n(top - 2)} ` +
    `${centre} ${n(top - 2)}C${n(centre + w * 0.6)} ${n(top - 2)} ${n(centre + spread + 2)} ${n(top)} ` +
    `${n(centre + spread)} ${n(bottom)}Z" fill="${colour}"/>`
  );
}

function hairInFront({ hair, faceWidth: w, faceHeight: h }: FaceIdentity, palette: Palette): string {
  if (hair === 'none') return '';
  const top = middle - h - 4;
  /** Lowest points of the hairline on the forehead: left, middle, right. */
  const lines: Record<Exclude<FaceIdentity['hair'], 'none'>, readonly [number, number, number]> = {
    short: [26, 21, 26],
    parted: [33, 17, 24],
    fringe: [33, 31, 33],
    long: [31, 17, 31],
  };
  const [left, mid, right] = lines[hair];
  const edge = w + 1.5;
  return (
    `<path d="M${n(centre - edge)} 46C${n(centre - w * 0.95)} ${left} ${n(centre - w * 0.6)} ${left} ` +
    `${n(centre - w * 0.35)} ${n((left + mid) / 2)}S${n(centre + w * 0.1)} ${mid} ${n(centre + w * 0.35)} ` +
    `${n((right + mid) / 2)}S${n(centre + w * 0.95)} ${right} ${n(centre + edge)} 46` +
    `C${n(centre + edge + 3)} ${n(top + 6)} ${n(centre + w * 0.6)} ${n(top - 2)} ${centre} ${n(top - 2)}` +
    `C${n(centre - w * 0.6)} ${n(top - 2)} ${n(centre - edge - 3)} ${n(top + 6)} ${n(centre - edge)} 46Z" ` +
    `fill="${css(palette.hair)}"/>` +
    stroke(
      `M${n(centre - w * 0.55)} ${n(top + 7)}Q${centre} ${n(top)} ${n(centre + w * 0.5)} ${n(top + 7)}`,
      mix(palette.hair, [255, 255, 255], 0.35),
      2.5,
      0.35,
    )
  );
}

function beard({ beard: amount, faceHeight: h, faceWidth: w }: FaceIdentity, palette: Palette, id: string): string {
  if (amount === 0) return '';
  const y = middle + h * 0.72;
  return soft(`${id}bd`, shade(palette.hair, 0.8), amount * 0.95, centre, y, w * 1.05, h * 0.62);
}

function softShadows(identity: FaceIdentity, palette: Palette, units: ExpressionUnits, id: string): string {
  const { eyeDistance: d, faceWidth: w, faceHeight: h, age } = identity;
  const cheekUp = clamp(units.cheeks, 0, 1);
  const pair = (name: string, colour: Rgb, opacity: number, dx: number, y: number, rx: number, ry: number) =>
    soft(`${id}${name}r`, colour, opacity, centre + dx, y, rx, ry) +
    soft(`${id}${name}l`, colour, opacity, centre - dx, y, rx, ry);
  return (
    pair('o', palette.shadow, 0.5 + 0.15 * age, d, eyeLine - 1, 10, 7) +
    pair('c', palette.lit, 0.35 + 0.4 * cheekUp, w * 0.58, 61 - 3 * cheekUp, 9, 7) +
    pair('u', palette.shadow, 0.25 * age + 0.5 * cheekUp, d, eyeLine + 6.5 - cheekUp, 8, 2.6) +
    soft(`${id}f`, palette.lit, 0.3, centre, middle - h * 0.58, w * 0.6, h * 0.24) +
    soft(`${id}k`, palette.shadow, 0.5, centre, 85.5 + 4 * clamp(units.jawDrop, 0, 1), 9, 3)
  );
}

function eyes(identity: FaceIdentity, palette: Palette, { lids }: ExpressionUnits, id: string): string {
  const { eyeDistance: d, eyeWidth: w, irisTone } = identity;
  const open = clamp(1 + 0.75 * lids, 0.12, 1.9);
  const up = 3.3 * open;
  const down = 2.1 * (0.55 + 0.45 * open);
  const iris = mix([120, 140, 150], [44, 28, 20], irisTone);
  return ([-1, 1] as const)
    .map((side) => {
      const x = centre + side * d;
      const [inner, outer] = [x - side * w, x + side * w];
      const upper = `M${n(inner)} ${n(eyeLine + 0.8)}Q${n(x)} ${n(eyeLine - 2 * up)} ${n(outer)} ${n(eyeLine - 0.3)}`;
      const almond = `${upper}Q${n(x)} ${n(eyeLine + 2 * down)} ${n(inner)} ${n(eyeLine + 0.8)}Z`;
      const clip = `${id}e${side > 0 ? 'r' : 'l'}`;
      return (
        `<clipPath id="${clip}"><path d="${almond}"/></clipPath>` +
        `<path d="${almond}" fill="${css(mix(palette.lit, [250, 250, 250], 0.75))}"/><g clip-path="url(#${clip})">` +
        `<circle cx="${n(x)}" cy="${n(eyeLine - 0.4)}" r="3.5" fill="${css(iris)}"/>` +
        `<circle cx="${n(x)}" cy="${n(eyeLine - 0.4)}" r="1.7" fill="#080808"/>` +
        `<circle cx="${n(x + 1)}" cy="${n(eyeLine - 1.6)}" r="0.8" fill="#fff"/></g>` +
        stroke(upper, shade(palette.line, 0.6), 1.5) +
        stroke(
          `M${n(inner)} ${n(eyeLine + 0.8)}Q${n(x)} ${n(eyeLine + 2 * down)} ${n(outer)} ${n(eyeLine - 0.3)}`,
          palette.line,
          0.6,
          0.7,
        ) +
        // The crease of the upper lid.
        stroke(
          `M${n(inner)} ${n(eyeLine - 1.8)}Q${n(x)} ${n(eyeLine - 2 * up - 3.4)} ${n(outer)} ${n(eyeLine - 2.4)}`,
          palette.shadow,
          0.9,
          0.6,
        )
      );
    })
    .join('');
}

function brows(identity: FaceIdentity, palette: Palette, units: ExpressionUnits): string {
  const { eyeDistance: d, eyeWidth: w, browHeight, browThickness } = identity;
  const colour = mix(shade(palette.hair, 0.7), palette.line, 0.25);
  const base = eyeLine - browHeight;
  const innerY = base - (units.innerBrow > 0 ? 5 : 4.6) * units.innerBrow;
  const outerY = base + 1.2 - 4.2 * units.outerBrow;
  const middleY = Math.min(innerY, outerY) * 0.55 + Math.max(innerY, outerY) * 0.45 - 1.8;
  return ([-1, 1] as const)
    .map((side) => {
      const inner = centre + side * (d - w * 1.12 - 2 * clamp(units.frown, 0, 1.2));
      const outer = centre + side * (d + w * 1.3);
      const between = centre + side * (d + w * 0.2);
      return stroke(
        `M${n(inner)} ${n(innerY)}Q${n(between)} ${n(middleY)} ${n(outer)} ${n(outerY)}`,
        colour,
        browThickness,
        0.95,
      );
    })
    .join('');
}

function nose(identity: FaceIdentity, palette: Palette, units: ExpressionUnits, turn: number): string {
  const { noseLength, noseWidth: w } = identity;
  const wrinkle = clamp(units.noseWrinkle, 0, 1.1);
  // A wrinkled nose is shorter and its wings flare.
  const tip = eyeLine + noseLength - 2.4 * wrinkle;
  const wing = w * (1 + 0.22 * wrinkle);
  const x = centre + 1.5 * turn;
  const bridge = (side: 1 | -1) =>
    stroke(
      `M${n(centre + side * 2.4)} ${n(eyeLine + 1)}Q${n(x + side * 2.2)} ${n(tip - 7)} ${n(x + side * wing)} ${n(tip - 1)}`,
      palette.shadow,
      1.2,
      side * turn > 0 ? 0.25 : 0.55,
    ) +
    stroke(
      `M${n(x + side * wing)} ${n(tip - 3)}Q${n(x + side * (wing + 1.4))} ${n(tip)} ${n(x + side * (wing - 1.4))} ${n(tip + 0.9)}`,
      palette.line,
      0.9,
      0.6,
    ) +
    `<ellipse cx="${n(x + side * w * 0.5)}" cy="${n(tip + 0.6)}" rx="1.6" ry="0.9" fill="${css(palette.line)}" fill-opacity="0.85"/>`;
  const lines = [0, 1, 2].map((i) => {
    const y = eyeLine - 3.5 + 3 * i;
    const half = 3.4 + 0.5 * i;
    return (
      stroke(
        `M${n(centre - half)} ${n(y)}Q${centre} ${n(y + 2.4)} ${n(centre + half)} ${n(y)}`,
        palette.line,
        1,
        0.75 * wrinkle,
      ) +
      stroke(
        `M${n(centre - half)} ${n(y + 1.4)}Q${centre} ${n(y + 3.8)} ${n(centre + half)} ${n(y + 1.4)}`,
        palette.lit,
        0.7,
        0.4 * wrinkle,
      )
    );
  });
  return bridge(1) + bridge(-1) + lines.join('');
}

/** Lines from the nose to the mouth's corners, and between the brows. */
function folds(identity: FaceIdentity, palette: Palette, units: ExpressionUnits): string {
  const { noseWidth, noseLength, mouthWidth, age } = identity;
  const depth = clamp(
    0.12 + 0.22 * age + 0.5 * Math.max(0, units.corners) + 0.75 * units.upperLip + 0.25 * units.noseWrinkle,
    0,
    0.95,
  );
  const top = eyeLine + noseLength - 2.5 - 2.4 * clamp(units.noseWrinkle, 0, 1);
  const reach = mouthWidth * (1 + 0.28 * units.stretch) + 3.5 + 2 * Math.max(0, units.corners);
  const fold = (side: 1 | -1) =>
    stroke(
      `M${n(centre + side * (noseWidth + 1.6))} ${n(top)}Q${n(centre + side * (reach + 0.5))} ${n(top + 4)} ` +
        `${n(centre + side * reach)} ${n(74 - 3.4 * units.corners)}`,
      palette.line,
      1.2,
      depth,
    );
  const frown = clamp(units.frown, 0, 1) * (0.55 + 0.3 * age);
  const crease = (side: 1 | -1) =>
    stroke(
      `M${n(centre + side * 2)} 33.5Q${n(centre + side * 1.4)} 36.5 ${n(centre + side * 2.1)} 39.5`,
      palette.line,
      1,
      frown,
    );
  return fold(1) + fold(-1) + crease(1) + crease(-1);
}

function mouth(identity: FaceIdentity, palette: Palette, units: ExpressionUnits, id: string): string {
  const drop = clamp(units.jawDrop, 0, 1.1);
  const raised = clamp(units.upperLip, 0, 1.1);
  const press = clamp(units.press, 0, 1);
  const half = identity.mouthWidth * (1 + 0.3 * units.stretch) * (1 - 0.1 * press);
  const lip = identity.lipThickness * (1 - 0.7 * press);
  const y = 73.5;
  const cornerY = y - 4.6 * units.corners + 0.6 * drop;
  /** Inner edges of the lips at the middle; a raised upper lip lifts beside the middle most. */
  const upper =
    y + 0.9 * Math.max(0, units.corners) - 3.2 * raised - 1.6 * drop + 2 * Math.max(0, -units.corners) * -0.5;
  const lower = Math.max(
    upper + 0.1,
    y + 13.5 * drop + 1.4 * Math.max(0, units.corners) + 1.2 * raised - 0.8 * Math.max(0, -units.corners),
  );
  const [l, r] = [centre - half, centre + half];
  /** Half a mouth's width from the middle. */
  const side = half * 0.5;
  const lift = 2.4 * raised;
  const edge = (middleY: number, sideLift: number) =>
    `C${n(l + half * 0.25)} ${n((cornerY + middleY) / 2 - sideLift)} ${n(centre - side)} ${n(middleY - sideLift)} ${centre} ${n(middleY)}` +
    `C${n(centre + side)} ${n(middleY - sideLift)} ${n(r - half * 0.25)} ${n((cornerY + middleY) / 2 - sideLift)} ${n(r)} ${n(cornerY)}`;
  const back = (middleY: number) =>
    `C${n(r - half * 0.25)} ${n((cornerY + middleY) / 2)} ${n(centre + side)} ${n(middleY)} ${centre} ${n(middleY)}` +
    `C${n(centre - side)} ${n(middleY)} ${n(l + half * 0.25)} ${n((cornerY + middleY) / 2)} ${n(l)} ${n(cornerY)}`;
  const start = `M${n(l)} ${n(cornerY)}`;
  const opening = `${start}${edge(upper, lift)}${back(lower)}Z`;
  const upperLip = `${start}${edge(upper - lip, lift + 0.6)}${back(upper)}Z`;
  const lowerLip = `${start}${edge(lower, 0)}${back(lower + lip * 1.35)}Z`;
  const gap = lower - upper;
  const teeth =
    gap > 1.2
      ? `<clipPath id="${id}m"><path d="${opening}"/></clipPath><g clip-path="url(#${id}m)">` +
        `<rect x="${n(l)}" y="${n(Math.min(upper, cornerY) - 4)}" width="${n(2 * half)}" ` +
        `height="${n(Math.max(0, upper - Math.min(upper, cornerY) + 4) + Math.min(3.4, gap * 0.75))}" fill="#ece6da"/>` +
        (drop > 0.3
          ? `<ellipse cx="${centre}" cy="${n(lower + 1)}" rx="${n(half * 0.6)}" ry="${n(gap * 0.35)}" fill="#8e4440"/>`
          : '') +
        `</g>`
      : '';
  return (
    `<path d="${upperLip}" fill="${css(shade(palette.lip, 0.85))}"/>` +
    `<path d="${lowerLip}" fill="${css(palette.lip)}"/>` +
    `<path d="${opening}" fill="#2a1212"/>${teeth}` +
    stroke(`${start}${edge(upper, lift)}`, shade(palette.line, 0.6), 0.9 + 0.5 * press, 0.9) +
    soft(`${id}ml`, palette.shadow, 0.55, centre, lower + lip * 1.35 + 2.2, half * 0.7, 1.9) +
    soft(`${id}mr`, palette.shadow, 0.5, r + 0.6, cornerY, 2.4, 2.4) +
    soft(`${id}mt`, palette.shadow, 0.5, l - 0.6, cornerY, 2.4, 2.4)
  );
}

function glasses({ eyeDistance: d, eyeWidth: w }: FaceIdentity): string {
  const lens = (side: 1 | -1) =>
    `<rect x="${n(centre + side * d - w - 2)}" y="${n(eyeLine - 6.5)}" width="${n(2 * w + 4)}" height="13" rx="5" ` +
    `fill="#fff" fill-opacity="0.06" stroke="#1c1c1c" stroke-width="1.2"/>`;
  return (
    lens(1) + lens(-1) + stroke(`M${n(centre - d + w + 2)} ${eyeLine - 1}H${n(centre + d - w - 2)}`, [28, 28, 28], 1.2)
  );
}
