// A thread that runs one of our ops in its own tfjs-node, often, and tells what the last run gave.
const { parentPort, workerData } = require('node:worker_threads');

const tf = require(workerData.tfjsNode);
const { registerTensorflowOps } = require(workerData.addon);

const { kernels } = registerTensorflowOps('', 1);
const { binding } = tf.backend();
// A call of Relu on float32[4] (native/tensorflow/encoded_call.h).
const call = Int32Array.of(kernels.indexOf('Relu'), 0, 1, 1, 0, 0, 1, 4, 0, 1, 4);
const attrs = ['N', 'M'].map((name) => ({ name, type: binding.TF_ATTR_INT, value: 1 }));
let result;
for (let i = 0; i < 3000; i++) {
  const ids = [
    binding.createTensor([call.length], binding.TF_INT32, call),
    binding.createTensor([4], binding.TF_FLOAT, Float32Array.of(-1, 0, 1, 2)),
  ];
  const [{ id }] = binding.executeOp('RarefaceRelu', attrs, ids, 1);
  result = binding.tensorDataSync(id);
  for (const made of [...ids, id]) binding.deleteTensor(made);
}
parentPort.postMessage([...result]);
