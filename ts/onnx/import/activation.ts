/** What a step does to its result before it gives it its name. */
export interface Activation {
  readonly activation: 'linear' | 'relu' | 'leakyRelu';
  /** Of leakyRelu, below 0. */
  readonly slope: number;
  /** The result's name. */
  readonly output: string;
}
