import { labelOf } from '../data/faces.js';
import type { VerdictName } from '../evaluate/figures.js';
import type { JobResult } from '../evaluate/job.js';
import { summarize, type ArmResults, type Summary } from '../evaluate/summary.js';
import { baselineName } from '../evaluate/treatment.js';
import { verdicts } from '../evaluate/verdict.js';
import type { QualityResult } from '../quality/quality.js';
import { cellName, type ExpandedStudy, type StudyArm, type StudyGroup } from './matrix.js';
import type { Failures } from './schedule.js';
import type { Store } from './store.js';
import type { DataValue } from './tasks/context.js';
import type { BestValue } from './tasks/fit.js';

/** What a group of a study came to. */
export interface GroupResult {
  readonly filter: string;
  readonly from: string;
  readonly to: string;
  /** Images of each class, as they came and after the filter. */
  readonly classNames: readonly string[];
  readonly before: readonly number[];
  readonly counts: readonly number[];
  /** Name of the classical treatment that others stand on. */
  readonly best: string | null;
  readonly summary: Summary;
  readonly verdicts: readonly string[];
  readonly quality: readonly { readonly name: string; readonly quality: QualityResult }[];
}

/** What a study came to: the same, to the bit, whoever did its tasks, in whatever order. */
export interface StudyResult {
  readonly name: string;
  readonly groups: readonly GroupResult[];
  /** Cells without figures, and why. */
  readonly missing: readonly { readonly cell: string; readonly why: string }[];
}

/** Gathers the figures of all arms whose fits are done. */
export async function collectResults(
  { study, groups }: ExpandedStudy,
  store: Store,
  failures: Failures,
): Promise<StudyResult> {
  const missing: { cell: string; why: string }[] = [];
  const results: GroupResult[] = [];
  for (const group of groups) {
    const cell = (arm: string) => cellName(group.filter, group.to, arm);
    for (const { name, fits } of group.arms) {
      const failed = fits.find((id) => failures.has(id));
      if (failed !== undefined) missing.push({ cell: cell(name), why: failures.get(failed)! });
    }
    for (const { name, faces } of group.generators)
      for (const { name: of, quality } of faces)
        if (quality !== null && failures.has(quality))
          missing.push({ cell: cell(`${name} ${of}, quality`), why: failures.get(quality)! });
    const result = await collectGroup(group, study.verdictOn, store, failures);
    if (result) results.push(result);
  }
  return { name: study.name, groups: results, missing };
}

/** @returns undefined where the baseline, which all is compared with, has no figures */
async function collectGroup(
  group: StudyGroup,
  verdictOn: readonly VerdictName[],
  store: Store,
  failures: Failures,
): Promise<GroupResult | undefined> {
  const { filter, from, to } = group;
  const whole = group.arms.filter(({ fits }) => !fits.some((id) => failures.has(id)));
  if (!whole.some(({ name }) => name === baselineName)) return undefined;
  const value = async (id: string) => (await store.read(id)).value;
  const data = (await value(group.data)) as DataValue;
  const best = group.best !== null && !failures.has(group.best) ? ((await value(group.best)) as BestValue).name : null;
  const nameOf = ({ name, onBest }: StudyArm) => (onBest ? name.replace(/ on best$/, ` on ${best!}`) : name);
  const arms: ArmResults[] = [];
  for (const arm of whole) {
    const results = await Promise.all(arm.fits.map(async (id) => (await value(id)) as JobResult));
    arms.push({ name: nameOf(arm), treatment: results[0]!.job.treatment, results });
  }
  const pairs = whole.flatMap((arm): [string, string][] => {
    if (arm.name === baselineName) return [];
    const plain = whole.find(({ name }) => name === arm.unselected);
    return [
      [nameOf(arm), baselineName],
      ...(arm.onBest ? [[nameOf(arm), best!] as [string, string]] : []),
      ...(plain ? [[nameOf(arm), nameOf(plain)] as [string, string]] : []),
    ];
  });
  const summary = summarize(arms, pairs, data.classNames[labelOf(data.classNames, to)]!, verdictOn);
  const quality: { name: string; quality: QualityResult }[] = [];
  for (const { name, faces } of group.generators)
    for (const { name: of, quality: id } of faces)
      if (id !== null && !failures.has(id))
        quality.push({ name: `${name}, ${of}`, quality: (await value(id)) as QualityResult });
  const { classNames, before, counts } = data;
  return { filter, from, to, classNames, before, counts, best, summary, verdicts: verdicts(summary), quality };
}
