import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { messageOf } from '../base/errors.js';
import type { Made, Opened, Work } from './session-messages.js';
import { serveSession } from './session-port.js';

// The thread that holds an onnxruntime session: its `run` blocks whichever thread calls it.

// Errors come as exceptions; a provider that is not there need not be printed too.
env.logLevel = 'fatal';

let session: InferenceSession | undefined;

async function create({ model, threads }: Work<'open'>, provider: 'cuda' | 'cpu'): Promise<InferenceSession> {
  return InferenceSession.create(model, {
    executionProviders: [provider],
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    // Threads that wait for work give their core to whoever prepares and encodes images.
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
}

async function open(work: Work<'open'>): Promise<Opened> {
  let missing: string | undefined;
  if (work.provider !== 'cpu') {
    try {
      session = await create(work, 'cuda');
      return { provider: 'cuda' };
    } catch (error) {
      missing = messageOf(error);
    }
  }
  // Where this fails too, it is the model that is at fault.
  session = await create(work, 'cpu');
  return { provider: 'cpu', missing };
}

async function run({ images, shape, input, output }: Work<'run'>): Promise<Made> {
  const results = await session!.run({ [input]: new Tensor('float32', images, shape) }, [output]);
  const { data, dims } = results[output]!;
  return { values: data as Float32Array, shape: dims };
}

serveSession({ open, run });
