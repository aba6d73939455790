import { fitClassifier, fitSteps, type FittedClassifier } from '../classify/fit.js';
import { mostProbable } from '../classify/predict.js';
import { appendFaces, selectFaces, type FaceSet } from '../data/faces.js';
import { stratifiedFolds, without } from '../data/folds.js';
import type { QualityEvents } from './events.js';
import type { MadeFaces } from './made-faces.js';
import type { QualityConfig } from './options.js';

/** What classifiers say of some faces. */
export interface Judgement {
  /** Mean probability of the class. */
  readonly probability: number;
  /** Part of the faces for which the class is the most probable. */
  readonly called: number;
}

/** Of held-out real faces: how many of those called so are of the class, and how many of the class are called so. */
export interface ClassifierScore {
  readonly precision: number;
  readonly recall: number;
}

export interface ExpressionFigures {
  readonly made: Judgement;
  /** The faces that they were made from, untouched; undefined where those are not known. */
  readonly sources: Judgement | undefined;
  readonly real: Judgement;
  readonly trainedOnReal: ClassifierScore;
  /** The same with the generated faces in place of the class's real ones. */
  readonly trainedOnMade: ClassifierScore;
}

/** Sums up what is said of faces. */
class Tally {
  private faces = 0;
  private sum = 0;
  private calls = 0;

  constructor(
    private readonly label: number,
    private readonly classes: number,
  ) {}

  add(probabilities: Float32Array): void {
    const found = mostProbable(probabilities, this.classes);
    found.forEach((best, n) => {
      this.faces++;
      this.sum += probabilities[n * this.classes + this.label]!;
      if (best === this.label) this.calls++;
    });
  }

  get judgement(): Judgement {
    return { probability: this.sum / this.faces, called: this.calls / this.faces };
  }
}

/**
 * Judges the expression of generated faces by classifiers that saw neither them nor what they were
 * made from, that the generator never saw, and that are trained on every class as often (of one that
 * is rare they would say nothing else): the real faces are divided into parts, and each part
 * and what was made of it is judged by a classifier that was trained on the others. Then the other way
 * round (Ravuri & Vinyals 2019): a classifier is trained with the generated faces in place of the
 * class's real ones, and tested on real ones; the generated faces are those made from its training
 * images.
 * @param label the class that the faces should be of
 */
export async function judgeExpression(
  real: FaceSet,
  made: MadeFaces,
  label: number,
  settings: Pick<QualityConfig, 'folds' | 'epochs' | 'baseWidth' | 'batchSize' | 'learningRate' | 'seed'>,
  { signal, onProgress }: QualityEvents,
): Promise<ExpressionFigures> {
  const classes = real.classNames.length;
  const parts = stratifiedFolds(real, settings);
  const everyFace = Int32Array.from(real.labels.keys());
  const tally = () => new Tally(label, classes);
  const tallies = { made: tally(), sources: tally(), real: tally() };
  const scores = { real: new Score(label), made: new Score(label) };
  const madeIn = (images: Int32Array) => {
    const chosen = new Set(images);
    return Int32Array.from(made.faces.labels.keys()).filter((n) => !made.sources || chosen.has(made.sources[n]!.index));
  };
  const total = 2 * parts.reduce((sum, part) => sum + fitSteps(real.count - part.length, settings), 0);
  let before = 0;
  const fitting = async (
    faces: Parameters<typeof fitClassifier>[0],
    indices: Int32Array,
    use: (fitted: FittedClassifier) => Promise<void>,
  ) => {
    const fitted = await fitClassifier(
      faces,
      indices,
      { ...settings, sampling: 'balanced' },
      {
        ...(signal && { signal }),
        onStep: (step) => onProgress?.('Training', Math.min(total, before + step), total),
      },
    );
    before += fitSteps(indices.length, settings);
    try {
      await use(fitted);
    } finally {
      fitted.dispose();
    }
  };
  for (const part of parts) {
    const train = without(everyFace, part);
    await fitting(real, train, async (fitted) => {
      const found = await fitted.probabilities(real, part);
      scores.real.add(real.labels, part, mostProbable(found, classes));
      tallies.real.add(
        await fitted.probabilities(
          real,
          part.filter((i) => real.labels[i] === label),
        ),
      );
      const own = madeIn(part);
      tallies.made.add(await fitted.probabilities(made.faces, own));
      if (!made.sources) return;
      const sources = Int32Array.from(own, (n) => made.sources![n]!.index);
      tallies.sources.add(await fitted.probabilities(real, sources));
    });
    const others = train.filter((i) => real.labels[i] !== label);
    const own = selectFaces(made.faces, madeIn(train));
    const mixed = Int32Array.from([...others, ...Array.from(own.labels, (_, n) => real.count + n)]);
    await fitting(appendFaces(real, own), mixed, async (fitted) => {
      scores.made.add(real.labels, part, mostProbable(await fitted.probabilities(real, part), classes));
    });
  }
  return {
    made: tallies.made.judgement,
    sources: made.sources && tallies.sources.judgement,
    real: tallies.real.judgement,
    trainedOnReal: scores.real.figures,
    trainedOnMade: scores.made.figures,
  };
}

/** Precision and recall of one class. */
class Score {
  private called = 0;
  private right = 0;
  private all = 0;

  constructor(private readonly label: number) {}

  add(labels: Uint8Array, part: Int32Array, found: Int32Array): void {
    part.forEach((i, n) => {
      const [is, says] = [labels[i] === this.label, found[n] === this.label];
      if (is) this.all++;
      if (says) this.called++;
      if (is && says) this.right++;
    });
  }

  get figures(): ClassifierScore {
    return { precision: this.called === 0 ? 0 : this.right / this.called, recall: this.right / this.all };
  }
}
