import { Philox } from '../base/random.js';
import { ferClasses, type FerClass } from './classes.js';

/** Who it is. Lengths are in hundredths of the image's side. */
export interface FaceIdentity {
  /** 0 pale .. 1 dark. */
  readonly skin: number;
  /** 0 cool .. 1 warm. */
  readonly warmth: number;
  readonly faceWidth: number;
  readonly faceHeight: number;
  /** Width of the jaw over that of the face, 0.6..0.95. */
  readonly jaw: number;
  readonly hair: HairStyle;
  /** 0 fair .. 1 black. */
  readonly hairTone: number;
  /** 0 none .. 1 full. */
  readonly beard: number;
  readonly glasses: boolean;
  readonly eyeDistance: number;
  readonly eyeWidth: number;
  readonly irisTone: number;
  readonly browHeight: number;
  readonly browThickness: number;
  readonly noseLength: number;
  readonly noseWidth: number;
  readonly mouthWidth: number;
  readonly lipThickness: number;
  /** 0 young .. 1 old: how deep lines are. */
  readonly age: number;
}

export const hairStyles = ['none', 'short', 'parted', 'fringe', 'long'] as const;
export type HairStyle = (typeof hairStyles)[number];

/** How the head is held. */
export interface FacePose {
  /** Of the whole head, in hundredths of the image's side. */
  readonly shiftX: number;
  readonly shiftY: number;
  /** Degrees, clockwise. */
  readonly tilt: number;
  readonly scale: number;
  /** -1 left .. 1 right: how far the features move within the head. */
  readonly turn: number;
}

/** How the picture was taken. */
export interface FaceLight {
  /** Where the light comes from, degrees clockwise from above. */
  readonly direction: number;
  /** 0 flat .. 1 from one side alone. */
  readonly strength: number;
  /** Factor of all pixels. */
  readonly exposure: number;
  /** Deviation of the noise on each pixel, of 255. */
  readonly noise: number;
  /** 0 black .. 1 white. */
  readonly background: number;
  /** Change of the background from one side to the other. */
  readonly backgroundSlope: number;
  /** Where noise and background patches are drawn from. */
  readonly seed: number;
}

/**
 * What the face does, after the action units (AU) of Ekman & Friesen's Facial Action Coding
 * System. 0 is at rest.
 */
export interface ExpressionUnits {
  /** AU1 (raised, 1) to AU4 (lowered, -1): the brows' inner ends. */
  readonly innerBrow: number;
  /** AU2: the outer ends, raised (1) or lowered (-1). */
  readonly outerBrow: number;
  /** AU4: brows drawn together, 0..1. */
  readonly frown: number;
  /** AU5 (wide, 1) to AU7 and AU43 (closed, -1). */
  readonly lids: number;
  /** AU6: cheeks raised, 0..1. */
  readonly cheeks: number;
  /** AU9: nose wrinkled, 0..1. */
  readonly noseWrinkle: number;
  /** AU10: upper lip raised, 0..1. */
  readonly upperLip: number;
  /** AU12 (up, 1) to AU15 (down, -1): the mouth's corners. */
  readonly corners: number;
  /** AU20 (stretched, 1) to AU18 (puckered, -1). */
  readonly stretch: number;
  /** AU24: lips pressed together, 0..1. */
  readonly press: number;
  /** AU25 to AU27: jaw dropped, 0..1. */
  readonly jawDrop: number;
}

/** Everything that {@link import('./synthetic.js').renderFaces} draws. Each part varies on its own. */
export interface FaceParameters {
  readonly identity: FaceIdentity;
  readonly pose: FacePose;
  readonly light: FaceLight;
  readonly expression: ExpressionUnits;
}

const rest: ExpressionUnits = {
  innerBrow: 0,
  outerBrow: 0,
  frown: 0,
  lids: 0,
  cheeks: 0,
  noseWrinkle: 0,
  upperLip: 0,
  corners: 0,
  stretch: 0,
  press: 0,
  jawDrop: 0,
};

/** Each expression at full strength, after the units that EMFACS lists for it. */
export const prototypes: Readonly<Record<FerClass, ExpressionUnits>> = {
  Angry: { ...rest, innerBrow: -1, outerBrow: 0.35, frown: 1, lids: -0.15, corners: -0.4, stretch: -0.15, press: 1 },
  Disgust: {
    ...rest,
    innerBrow: -0.6,
    outerBrow: -0.6,
    frown: 0.5,
    lids: -0.6,
    cheeks: 0.8,
    noseWrinkle: 1,
    upperLip: 1,
    corners: -0.35,
    jawDrop: 0.12,
  },
  Fear: { ...rest, innerBrow: 1, outerBrow: 0.35, frown: 0.7, lids: 0.9, corners: -0.35, stretch: 0.7, jawDrop: 0.35 },
  Happy: { ...rest, outerBrow: 0.1, lids: -0.35, cheeks: 1, corners: 1, stretch: 0.6, jawDrop: 0.22 },
  Sad: { ...rest, innerBrow: 0.9, outerBrow: -0.7, frown: 0.4, lids: -0.45, corners: -1, stretch: -0.2, press: 0.2 },
  Surprise: { ...rest, innerBrow: 1.1, outerBrow: 1.1, lids: 1, stretch: -0.7, jawDrop: 1 },
  Neutral: rest,
};

/** Streams of a seed: those of faces follow this one. */
const firstStream = 0x0face000;

/**
 * The parameters of the i-th face of a seed: identity, pose and light depend on (seed, i) alone,
 * so the same person with another expression is one call away.
 */
export function faceParameters(seed: number, i: number, expression: FerClass): FaceParameters {
  const random = new Philox(seed, firstStream + i);
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const around = (mean: number, deviation: number) => mean + deviation * Math.max(-2, Math.min(2, random.normal()));
  const identity: FaceIdentity = {
    skin: random.uniform() ** 1.5,
    warmth: random.uniform(),
    faceWidth: around(31, 1.8),
    faceHeight: around(40, 2),
    jaw: between(0.66, 0.9),
    hair: hairStyles[random.integer(hairStyles.length)]!,
    hairTone: Math.sqrt(random.uniform()),
    beard: random.uniform() < 0.15 ? between(0.3, 1) : 0,
    glasses: random.uniform() < 0.08,
    eyeDistance: around(14, 0.7),
    eyeWidth: around(6.6, 0.4),
    irisTone: random.uniform(),
    browHeight: around(9.5, 0.8),
    browThickness: between(1.4, 2.8),
    noseLength: around(17, 1.2),
    noseWidth: around(5.6, 0.6),
    mouthWidth: around(12, 1),
    lipThickness: between(1.6, 3.2),
    age: random.uniform(),
  };
  const pose: FacePose = {
    shiftX: around(0, 2),
    shiftY: around(0, 2),
    tilt: around(0, 5),
    scale: around(1.18, 0.06),
    turn: around(0, 0.4),
  };
  const light: FaceLight = {
    direction: around(0, 45),
    strength: between(0.2, 0.9),
    exposure: around(1, 0.09),
    noise: between(0.5, 2.5),
    background: random.uniform(),
    backgroundSlope: around(0, 0.2),
    seed: random.uint32(),
  };
  // Drawn last: the same number of words precedes, whatever the expression is.
  const strength = between(0.6, 1.05);
  const units = Object.entries(prototypes[expression]).map(([unit, full]) => [
    unit,
    full * strength + around(0, full === 0 ? 0.03 : 0.07),
  ]);
  return { identity, pose, light, expression: Object.fromEntries(units) as ExpressionUnits };
}

/** The label of the i-th of a set of synthetic faces: see SyntheticOptions.rareEvery. */
export function syntheticLabel(i: number, rareEvery: number): number {
  const classes = ferClasses.length;
  const rare = ferClasses.indexOf('Disgust');
  const cycle = classes + (classes - 1) * (rareEvery - 1);
  const at = i % cycle;
  if (at < classes) return at;
  const among = (at - classes) % (classes - 1);
  return among < rare ? among : among + 1;
}
