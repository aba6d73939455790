import { UserError } from '../../base/errors.js';
import type { Attribute, Node } from '../proto.js';
import type { HostTensor } from './constants.js';

/** A node and what its operator wants to know of it, with errors that name it. */
export class NodeView {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;

  constructor(
    private readonly node: Node,
    private readonly constants: ReadonlyMap<string, HostTensor>,
  ) {
    this.op = node.domain ? `${node.domain}.${node.opType}` : node.opType;
    // Optional inputs that are left out have an empty name, or none.
    this.inputs = node.input;
    this.output = node.output[0] ?? '';
  }

  /** "Conv (node encoder/conv1)" */
  get title(): string {
    return `${this.op} (node ${this.node.name || this.output})`;
  }

  /** What cannot be done, as an error. @param what e.g. "has 4 groups" */
  refusal(what: string): UserError {
    return new UserError(`${this.title} ${what}`);
  }

  /** An input's value where it does not depend on the graph's input. */
  constant(input: number): HostTensor | undefined {
    return this.constants.get(this.inputs[input] ?? '');
  }

  /** A weight. @throws UserError where it depends on the graph's input */
  weight(input: number): HostTensor {
    const value = this.constant(input);
    if (!value) throw this.refusal(`has no constant as its input ${input}`);
    return value;
  }

  /** The input that depends on the graph's. */
  get image(): string {
    const name = this.inputs[0] ?? '';
    if (this.constants.has(name)) throw this.refusal('has a constant as its first input');
    return name;
  }

  private attribute(name: string): Attribute | undefined {
    return this.node.attribute.find((attribute) => attribute.name === name);
  }

  // Of an attribute that is there, a zero may be left out.

  float(name: string, otherwise: number): number {
    const attribute = this.attribute(name);
    return attribute ? (attribute.f ?? 0) : otherwise;
  }

  int(name: string, otherwise: number): number {
    const attribute = this.attribute(name);
    return attribute ? (attribute.i ?? 0) : otherwise;
  }

  text(name: string, otherwise: string): string {
    const bytes = this.attribute(name)?.s;
    return bytes ? new TextDecoder().decode(bytes) : otherwise;
  }

  ints(name: string): readonly number[] | undefined {
    const values = this.attribute(name)?.ints;
    return values && values.length > 0 ? values : undefined;
  }

  /** A list that later versions of ONNX take as an input and earlier ones as an attribute. */
  list(name: string, input: number): readonly number[] | undefined {
    if (this.inputs[input]) return Array.from(this.weight(input).values);
    return this.ints(name);
  }

  /** A number of that kind. */
  scalar(name: string, input: number, otherwise: number): number {
    if (this.inputs[input]) return this.weight(input).values[0] ?? otherwise;
    return this.float(name, otherwise);
  }
}
