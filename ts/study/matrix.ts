import { UserError } from '../base/errors.js';
import { counted } from '../base/text.js';
import { baselineName, planArms } from '../evaluate/treatment.js';
import { TaskGraph } from './graph.js';
import type { Study } from './options.js';
import { filterSettings, qualitySettings, selectionSettings, trainSettings } from './settings.js';
import type { PlainTreatment, Root, Task } from './task.js';
import { variantsOf, type Variant } from './variants.js';

/** A treatment of a study, and where its fits are. */
export interface StudyArm {
  readonly name: string;
  /** Ids of `fit` tasks, by repeat and fold. */
  readonly fits: readonly string[];
  readonly classical: boolean;
  /** Whether it stands on the best classical treatment. */
  readonly onBest: boolean;
  /** Of arms with selected faces: the arm that differs in having its faces as they come. */
  readonly unselected: string | null;
}

/** Faces that arms are given. */
export interface StudyFaces {
  readonly name: string;
  /** Ids of tasks; in a strict study those of the first fold. */
  readonly generate: string;
  readonly quality: string | null;
}

export interface StudyGenerator {
  readonly name: string;
  /** Ids of the `train` task, and of the `generate` task on drawn faces; in a strict study those of the first fold. */
  readonly train: string;
  readonly drawn: string;
  readonly faces: StudyFaces[];
}

/** All that is compared with one another: of one filter, to one class. */
export interface StudyGroup {
  readonly filter: string;
  readonly from: string;
  readonly to: string;
  /** Id of the `data` task. */
  readonly data: string;
  readonly arms: readonly StudyArm[];
  /** Id of the `best` task, where an arm stands on it. */
  readonly best: string | null;
  readonly generators: readonly StudyGenerator[];
}

/** A study as tasks. */
export interface ExpandedStudy {
  readonly study: Study;
  readonly graph: TaskGraph;
  readonly groups: readonly StudyGroup[];
}

export interface ExpandOptions {
  /** The study's data, as they are called within the store. */
  readonly source: 'synthetic' | Root;
  readonly ferplus: Root | null;
  /** What a file that an option names is called within the store. */
  readonly storedFile: (path: string) => string;
  /** Whether a cell is wanted, by its name. */
  readonly wanted: (cell: string) => boolean;
}

/**
 * Expands a study into its tasks: filter, train, generate, fit; each once, however many cells use it.
 * @throws UserError for options that do not fit, and where no cell is wanted
 */
export function expandStudy(study: Study, options: ExpandOptions): ExpandedStudy {
  const graph = new TaskGraph();
  const variants = variantsOf(study);
  const groups = Object.keys(study.filters).flatMap((filter) =>
    study.targets.flatMap((target) => new Group(study, variants, graph, options, filter, target).expand() ?? []),
  );
  if (groups.length === 0) throw new UserError('No cell of the study is wanted: see --only and --skip.');
  return { study, graph, groups };
}

/** A cell's name: `<filter>/<class made>/<arm>`. */
export const cellName = (filter: string, to: string, arm: string): string => `${filter}/${to}/${arm}`;

/** The cells of a study, or of the part of it that is wanted. */
export const cellsIn = ({ groups }: Pick<ExpandedStudy, 'groups'>): string[] =>
  groups.flatMap(({ filter, to, arms }) => arms.map(({ name }) => cellName(filter, to, name)));

/** Names of all cells that a study has. */
export function cellsOf(study: Study): string[] {
  const arms = [baselineName, ...study.classical, ...cellsWithFaces(study, variantsOf(study)).map(({ name }) => name)];
  return Object.keys(study.filters).flatMap((filter) =>
    study.targets.flatMap(({ to }) => arms.map((arm) => cellName(filter, to, arm))),
  );
}

/** Faces that a drawn sheet shows. */
const drawnFaces = 12;

/** One arm with faces, before its tasks are known. */
interface Cell {
  readonly name: string;
  readonly variant: Variant;
  readonly n: number;
  readonly selection: string;
  readonly onBest: boolean;
  /** The same arm with its faces as they come. */
  readonly unselected: string | null;
}

/** Arms with faces, of each target. */
function cellsWithFaces({ added, selections, on }: Study, variants: readonly Variant[]): Cell[] {
  const plain = Object.keys(selections).find((name) => selections[name] === null);
  const nameOf = ({ name }: Variant, n: number, selection: string, under: string) =>
    `${name} +${n}${selection === plain ? '' : ` ${selection}`}${under === 'best' ? ' on best' : ''}`;
  return variants.flatMap((variant) =>
    added.flatMap((n) =>
      Object.keys(selections).flatMap((selection) =>
        on.map((under) => ({
          ...{ name: nameOf(variant, n, selection, under), variant, n, selection, onBest: under === 'best' },
          unselected: plain === undefined || selection === plain ? null : nameOf(variant, n, plain, under),
        })),
      ),
    ),
  );
}

class Group {
  private readonly generators = new Map<string, StudyGenerator>();

  constructor(
    private readonly study: Study,
    private readonly variants: readonly Variant[],
    private readonly graph: TaskGraph,
    private readonly options: ExpandOptions,
    private readonly filter: string,
    private readonly target: Study['targets'][number],
  ) {}

  /** @returns undefined where no cell is wanted */
  expand(): StudyGroup | undefined {
    const { study, target, filter } = this;
    const wanted = (name: string) => this.options.wanted(cellName(filter, target.to, name));
    const cells = cellsWithFaces(study, this.variants).filter(({ name }) => wanted(name));
    const needsBest = cells.some(({ onBest }) => onBest);
    const classical = study.classical.filter((name) => needsBest || wanted(name));
    if (cells.length + classical.length === 0 && !wanted(baselineName)) return undefined;

    const data = this.addData();
    const plain = planArms(classical, null).map(({ name, treatment: { faces: _, ...treatment } }) => ({
      ...{ name, treatment },
      fits: this.addFits(data, name, { treatment, on: null }),
    }));
    const untreated = plain[0]!.treatment;
    const rivals = plain.filter(({ name }) => name !== baselineName);
    const best = needsBest ? this.graph.add({ kind: 'best', arms: rivals }, 'best classical treatment') : null;
    const names = new Set(cells.map(({ name }) => name));
    const withFaces = cells.map((cell): StudyArm => {
      const facesOf = this.addFaces(data, cell);
      const fits = this.addFits(data, cell.name, { treatment: untreated, on: cell.onBest ? best : null, facesOf });
      const { name, onBest, unselected } = cell;
      return {
        name,
        fits,
        classical: false,
        onBest,
        unselected: unselected !== null && names.has(unselected) ? unselected : null,
      };
    });
    const arms = plain.map(({ name, fits }) => ({
      ...{ name, fits, classical: name !== baselineName, onBest: false, unselected: null },
    }));
    return { filter, ...target, data, arms: [...arms, ...withFaces], best, generators: [...this.generators.values()] };
  }

  private addData(): string {
    const { study, filter, options } = this;
    const { size, channels, usage, skipBad, seed } = study;
    const given = study.filters[filter] ?? null;
    const task: Task = {
      ...{ kind: 'data', source: options.source, ferplus: given ? options.ferplus : null },
      images: { size, channels, usage, skipBad, seed },
      filter: given && filterSettings(filter, given, study, options.storedFile),
    };
    return this.graph.add(task, given ? `filter ${filter}` : 'data');
  }

  private addFits(
    data: string,
    name: string,
    arm: {
      readonly treatment: PlainTreatment;
      readonly on: string | null;
      readonly facesOf?: (repeat: number, fold: number) => string;
    },
  ): string[] {
    const { folds, repeats, holdout, seed, classifier, engine, precision } = this.study;
    return Array.from({ length: folds * repeats }, (_, i) => {
      const [repeat, fold] = [Math.floor(i / folds), i % folds];
      const task: Task = {
        ...{ kind: 'fit', data, split: { holdout, folds, seed, repeat, fold }, treatment: arm.treatment, on: arm.on },
        ...{ faces: arm.facesOf?.(repeat, fold) ?? null, classifier, engine, precision },
      };
      return this.graph.add(task, `${name}, repeat ${repeat + 1} fold ${fold + 1}`);
    });
  }

  /** Trains the cell's generator and makes its faces. @returns the `generate` task of each fold */
  private addFaces(data: string, cell: Cell): (repeat: number, fold: number) => string {
    const { strict, folds, repeats } = this.study;
    if (!strict) {
      const { generate } = this.addFoldFaces(data, cell, null);
      return () => generate;
    }
    const each = Array.from({ length: repeats * folds }, (_, i) =>
      this.addFoldFaces(data, cell, { folds, repeat: Math.floor(i / folds), fold: i % folds }),
    );
    return (repeat, fold) => each[repeat * folds + fold]!.generate;
  }

  /** @param fold whose training images alone are seen; null: all that are not held out */
  private addFoldFaces(
    data: string,
    { variant, n, selection }: Cell,
    fold: { readonly folds: number; readonly repeat: number; readonly fold: number } | null,
  ): StudyFaces {
    const { study, graph, target } = this;
    const { holdout, seed, folds, quality } = study;
    const selected = study.selections[selection] ?? null;
    const { storedFile } = this.options;
    const of = fold ? `, repeat ${fold.repeat + 1} fold ${fold.fold + 1}` : '';
    const subset = graph.add({ kind: 'subset', data, holdout, seed, fold }, `training images${of}`);
    const config = trainSettings(variant.name, variant.preset, variant.settings, study, target, storedFile);
    const what = `${variant.name} to ${target.to}${of}`;
    const train = graph.add({ kind: 'train', data: subset, config }, `train ${what}`);
    const make = {
      kind: 'generate',
      generator: train,
      source: target.from,
      class: target.to,
      usage: 'all',
      seed,
    } as const;
    const generate = graph.add(
      // A fold takes those whose sources it trains on: so many of them on average.
      {
        ...make,
        data: subset,
        n: fold ? n : Math.round((n * folds) / (folds - 1)),
        select: selected && selectionSettings(selection, selected),
      },
      `${counted(n, 'face')} of ${what}, ${selection}`,
    );
    let generator = this.generators.get(variant.name);
    if (!generator) {
      const drawn = graph.add({ ...make, data: null, n: drawnFaces, select: null }, `drawn faces of ${what}`);
      generator = { name: variant.name, train, drawn, faces: [] };
      this.generators.set(variant.name, generator);
    }
    const name = `${n} ${selection}`;
    const known = generator.faces.find((faces) => faces.name === name);
    // Of a strict study the first fold's faces stand for all.
    if (known) return { ...known, generate };
    const measured =
      quality &&
      graph.add(
        { kind: 'quality', faces: generate, data, settings: qualitySettings(quality, study, storedFile) },
        `quality of ${counted(n, 'face')} of ${what}, ${selection}`,
      );
    const faces = { name, generate, quality: measured };
    generator.faces.push(faces);
    return faces;
  }
}
