import { Philox } from '../base/random.js';

/** Where a {@link DataOrder} stands: enough to go on exactly. */
export interface OrderState {
  /** Position of the random stream before the current round was shuffled. */
  readonly round: number;
  /** Images of the current round that were taken. */
  readonly taken: number;
}

/** Endless draws from a set without replacement: every round takes each image once, newly shuffled. */
export class DataOrder {
  private readonly random: Philox;
  private readonly order: Int32Array;
  private round = 0;
  private taken = 0;

  /** @param items what is drawn from, at least one */
  constructor(
    private readonly items: Int32Array,
    seed: number,
    stream: number,
  ) {
    this.random = new Philox(seed, stream);
    this.order = items.slice();
    this.shuffle();
  }

  next(): number {
    if (this.taken === this.items.length) {
      this.round = this.random.position;
      this.taken = 0;
      this.shuffle();
    }
    return this.order[this.taken++]!;
  }

  get state(): OrderState {
    return { round: this.round, taken: this.taken };
  }

  set state({ round, taken }: OrderState) {
    this.round = round;
    this.taken = taken;
    this.random.position = round;
    this.shuffle();
  }

  private shuffle(): void {
    this.order.set(this.items);
    this.random.shuffle(this.order);
  }
}
