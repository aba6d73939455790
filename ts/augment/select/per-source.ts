import { UserError } from '../../base/errors.js';
import { counted } from '../../base/text.js';

/**
 * How many candidates of one source are chosen at most; as few as suffice, unless it is said.
 * @param sources what each candidate is made from; equal numbers are one source
 * @throws UserError where `n` cannot be chosen so
 */
export function perSourceOf(
  sources: readonly number[],
  { n, perSource }: { readonly n: number; readonly perSource?: number | undefined },
): number {
  const uses = new Map<number, number>();
  for (const source of sources) uses.set(source, (uses.get(source) ?? 0) + 1);
  const chosenAt = (most: number) => [...uses.values()].reduce((sum, count) => sum + Math.min(most, count), 0);
  let most = perSource ?? Math.ceil(n / uses.size);
  // Some sources may have fewer than others.
  if (perSource === undefined) while (chosenAt(most) < n && chosenAt(most + 1) > chosenAt(most)) most++;
  const chosen = chosenAt(most);
  if (chosen >= n) return most;
  throw new UserError(
    `${counted(uses.size, 'source')} can give ${counted(chosen, 'face')} at ${most} of each (--per-source), and ${n} ` +
      'are wanted: allow more of each, or ask for fewer.',
  );
}
