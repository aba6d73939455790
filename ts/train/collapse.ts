import type { GanLoss } from './losses.js';
import type { Losses } from './metrics.js';

type Discriminator = 'discriminatorA' | 'discriminatorB';

interface Watched {
  /** Running mean of the loss. */
  readonly mean: number;
  /** Steps in a row for which it was low. */
  readonly low: number;
}

export type CollapseState = Readonly<Record<Discriminator, Watched>>;

/** How slowly the running mean follows. */
const inertia = 0.98;
/** A loss that tells real from fake without doubt; chance is 0.25 for lsgan, 0.69 for vanilla. */
const lowLoss = { lsgan: 0.01, vanilla: 0.03 };
/** Steps in a row before it counts, and between two warnings. */
const patience = 300;

/**
 * Watches for a discriminator that has won: its loss stays near 0, and the generator learns
 * nothing more from it. The Wasserstein loss has no such level and is not watched.
 */
export class CollapseWatch {
  state: CollapseState = { discriminatorA: { mean: 1, low: 0 }, discriminatorB: { mean: 1, low: 0 } };

  constructor(
    private readonly kind: GanLoss,
    private readonly classNames: Readonly<Record<Discriminator, string>>,
  ) {}

  /** @returns a warning when there is something to warn of */
  add(losses: Losses): string[] {
    const { kind } = this;
    if (kind === 'wgan-gp') return [];
    const warnings: string[] = [];
    const watch = (name: Discriminator): Watched => {
      const mean = inertia * this.state[name].mean + (1 - inertia) * losses[name];
      const low = mean < lowLoss[kind] ? this.state[name].low + 1 : 0;
      if (low > 0 && low % patience === 0)
        warnings.push(
          `The discriminator of ${this.classNames[name]} has won: its loss was about ${mean.toPrecision(2)} for ` +
            `${low} steps, so the generator learns little from it. Try fewer --discriminator-layers, ` +
            `--instance-noise 0.1, --label-flip 0.01 or --discriminator-every 5.`,
        );
      return { mean, low };
    };
    this.state = { discriminatorA: watch('discriminatorA'), discriminatorB: watch('discriminatorB') };
    return warnings;
  }
}
