import { UserError } from '../../base/errors.js';
import type { Graph } from '../proto.js';
import { constantsOf } from './constants.js';
import { NodeView } from './node-view.js';

/** A graph's nodes that depend on its input, and who makes and reads what. */
export class GraphView {
  readonly nodes: readonly NodeView[];
  readonly input: string;
  readonly output: string;
  private readonly makers = new Map<string, NodeView>();
  private readonly readers = new Map<string, NodeView[]>();

  /** @throws UserError for a graph of several outputs, or one that a constant cannot be read from */
  constructor(graph: Graph) {
    const constants = constantsOf(graph);
    this.nodes = graph.node
      .filter(({ output }) => !constants.has(output[0] ?? ''))
      .map((node) => new NodeView(node, constants));
    const inputs = graph.input.filter(({ name }) => !constants.has(name));
    if (inputs.length !== 1 || graph.output.length !== 1)
      throw new UserError(`it takes ${inputs.length} inputs and gives ${graph.output.length} outputs`);
    this.input = inputs[0]!.name;
    this.output = graph.output[0]!.name;
    for (const node of this.nodes) {
      this.makers.set(node.output, node);
      for (const name of new Set(node.inputs)) this.readers.set(name, [...this.readersOf(name), node]);
    }
  }

  /** The node that makes this. */
  makerOf(name: string): NodeView | undefined {
    return this.makers.get(name);
  }

  readersOf(name: string): readonly NodeView[] {
    return this.readers.get(name) ?? [];
  }

  /** The one node that reads this, unless several do or it is the graph's output. */
  readerOf(name: string): NodeView | undefined {
    const readers = this.readersOf(name);
    return readers.length === 1 && name !== this.output ? readers[0] : undefined;
  }
}
