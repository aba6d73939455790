import { GraphBuilder, valuesOf, type AttributeValue } from '../../ts/onnx/graph.js';
import { dataTypes, type Graph, type TensorProto } from '../../ts/onnx/proto.js';
import { Philox } from '../../ts/base/random.js';

/** Writes graphs as other exporters than ours might. */
export class TestGraph {
  private readonly builder = new GraphBuilder();
  private readonly random = new Philox(5);

  node(op: string, inputs: readonly string[], attributes: Readonly<Record<string, AttributeValue>> = {}): string {
    return this.builder.node(op, inputs, attributes);
  }

  integers(...values: number[]): string {
    return this.builder.integers(values);
  }

  number(value: number): string {
    return this.builder.floats(value);
  }

  /** Random weights of this shape. @param low, high their range */
  weight(dims: readonly number[], low = -0.2, high = 0.2): string {
    const values = Float32Array.from(
      { length: dims.reduce((a, b) => a * b, 1) },
      () => low + (high - low) * this.random.uniform(),
    );
    const name = `weight_${this.builder.initializers.size}`;
    return this.builder.initializer({ name, dims, dataType: dataTypes.FLOAT, values });
  }

  constant(dims: readonly number[], value: number): string {
    const values = new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(value);
    return this.builder.initializer({ name: `${value} x ${dims.join()}`, dims, dataType: dataTypes.FLOAT, values });
  }

  /** The graph from images of this many channels to `output`. */
  graph(channels: number, output: string): Graph {
    const info = (name: string) => ({
      name,
      type: { tensorType: { elemType: dataTypes.FLOAT, shape: { dim: dims(channels) } } },
    });
    return {
      name: 'test',
      node: this.builder.nodes,
      initializer: [...this.builder.initializers.values()].map((one): TensorProto => {
        const { buffer, byteOffset, byteLength } = valuesOf(one);
        const rawData = new Uint8Array(buffer, byteOffset, byteLength);
        return { name: one.name, dims: one.dims, dataType: one.dataType, rawData };
      }),
      input: [info('input')],
      output: [info(output)],
    };
  }
}

const dims = (channels: number) => [{ dimParam: 'n' }, { dimValue: channels }, { dimParam: 'h' }, { dimParam: 'w' }];
