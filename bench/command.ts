import { precisions } from '../ts/backend/binding.js';
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { profileStep, type StepProfile } from './calls/profile.js';
import { profileText } from './calls/table.js';
import { axisTitles, benchScaling } from './scaling.js';
import type { Comparison } from './comparison.js';
import { benchConvs } from './convs.js';
import { describeGpu, gpuDevices, gpuEngine, type GpuDevice } from './cuda/device.js';
import { benchGpu, gpuNetworks, type GpuNetwork, type GpuRaceOptions } from './cuda/race.js';
import { engineNames } from './engines.js';
import { benchGeneration } from './generation.js';
import { benchKernels } from './kernels.js';
import { describeMachine, loadWarning, machineLine, type Machine } from './machine.js';
import { flags, listOf, oneOf, seconds, shortTurnMs, wholeNumber, type BenchOptions } from './options.js';
import { save, saveJson, tableOf } from './output.js';
import { benchPeers, peerTasks, type PeersOptions, type PeerTaskName } from './peers.js';
import { configurationIds, gpuConfigurations } from './peers/configurations.js';
import { benchPrecision } from './precision.js';
import { benchStep } from './step.js';

const description =
  'How fast the native backend is beside others: interleaved runs, medians and quartiles, GFLOP/s. Without a command, ' +
  'a short set of kernels, step and generation (about three minutes). Prints tables and writes bench/results/<name>.json and .svg.';

const examples = `
Figures want an idle machine. Operations are counted by the direct method, for every contestant alike.
tfjs-node takes part where it is set up (npm run setup:tensorflow): with this project's kernels in it, and as it came.

Examples:
  npm run bench
  npm run bench -- kernels --batch 1,8 --engines native,tfjs-node
  npm run bench -- step --batch 1,4,8 --precision float32,bfloat16
  npm run bench -- peers step --batch 1,4,8 --python torch/bin/python --peer ../peer
  npm run bench -- scaling image-size --network write-up`;

const peerExamples = `
Every configuration of PyTorch runs shortly in a process of its own; the fastest of the same precision then
takes turns with ours. torch.compile needs a C++ compiler and a minute or more for each of its configurations.

Examples:
  npm run bench -- peers --python torch/bin/python --peer ../peer
  npm run bench -- peers step --batch 1 --network write-up --python torch/bin/python --peer ../peer
  npm run bench -- peers trunk vgg --batch 1,8,32 --configurations eager,channels-last --python ... --peer ...
  npm run bench -- peers infer --batch 32 --precision float32,bfloat16 --python ... --peer ...`;

const gpuExamples = `
Ours in every precision, and PyTorch's fastest configuration of each, in turns on the same GPU. Ours needs
npm run setup:cuda. Every configuration of PyTorch is tried first; those that compile take minutes each.

Examples:
  npm run bench -- cuda
  npm run bench -- cuda --batch 1,16 --python torch/bin/python --peer ../peer
  npm run bench -- cuda --batch 1 --precision tf32 --python torch/bin/python --peer ../peer --configurations merge,merge+captured
  npm run bench -- cuda --device cuda-emulated --network tiny --batch 1 --rounds 1    # no GPU: does all of it work?`;

const callsExamples = `
A call is timed among others like it, so its inputs are in whatever cache holds them; calls that run side by side in
a step are counted one after the other.

Examples:
  npm run bench -- calls --batch 1,8 --network reference
  npm run bench -- calls --device cuda --batch 1,64 --precision tf32,bfloat16`;

type Run = () => Promise<void>;

/** The command line; parsing it settles what `chosen` runs. */
export function benchCommand(): { command: Command; chosen: Run } {
  let run: Run | undefined;
  const command = new Command('npm run bench --')
    .description(description)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', examples)
    // Before the commands below, which take these over.
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  const add = (name: string, text: string, options: readonly Option[]): Command => {
    const added = command.command(name).description(text);
    for (const option of options) added.addOption(option);
    return added.option('--name <name>', 'name of the result files', nameOf);
  };

  command.allowExcessArguments().action(() => {
    const [unknown] = command.args;
    if (unknown !== undefined) command.error(`error: unknown command '${unknown}'`);
    run = () => report('overview', overview());
  });
  for (const [name, text, batch, bench] of [
    ['kernels', "parts of a training step: native and tfjs's own backends", [1], benchKernels],
    ['step', 'training steps, from drawing a batch to reading the losses', [1], benchStep],
    ['generation', "a generator's forward pass: onnxruntime, native, tfjs's own backends", [1, 8, 32], benchGeneration],
  ] as const)
    add(name, text, [
      flags.batch([...batch]),
      flags.rounds(5),
      flags.precision(),
      flags.engines(engineNames),
      flags.network(),
    ]).action((options: BenchOptions & Named) => {
      run = () => report(options.name ?? name, bench(options, options));
    });
  add('peers', 'PyTorch beside the native backend', [
    new Option('--python <path>', 'an interpreter that has PyTorch'),
    new Option('--peer <folder>', 'holds ecyclegan_torch.py'),
    flags.batch([1]),
    flags.rounds(5),
    flags.precision(),
    flags.network(),
    new Option(
      '--configurations <list>',
      `what is tried of PyTorch: ${configurationIds.join(', ')} (default: all)`,
    ).argParser(listOf(oneOf(configurationIds))),
  ])
    .addArgument(new Argument('[tasks...]', 'what is raced').choices(peerTasks).default(peerTasks, peerTasks.join()))
    .addHelpText('after', peerExamples)
    .action((tasks: PeerTaskName[], options: PeersOptions & { rounds: number } & Named) => {
      const name = ['peers', ...(tasks.length < peerTasks.length ? tasks : []), options.network].join('-');
      run = () => report(options.name ?? name, benchPeers(tasks, options, options), { everyNote: true });
    });
  add('scaling', 'native training steps as the work grows', [flags.rounds(2), flags.precision(), flags.network()])
    .addArgument(new Argument('[axes...]', 'what grows').choices(axisTitles).default(axisTitles, axisTitles.join()))
    .action((axes: string[], options: BenchOptions & Named) => {
      run = () => report(options.name ?? 'scaling', benchScaling({ ...options, axes }, options));
    });
  add('cuda', 'training steps on a GPU, beside PyTorch', [
    new Option('--device <name>', `where: ${gpuDevices.join(', ')}`)
      .default('cuda')
      .argParser(oneOf<GpuDevice>(gpuDevices)),
    flags.batch([1, 4, 16, 64]),
    flags.rounds(5),
    flags.precision(precisions),
    gpuNetwork(),
    new Option('--python <path>', 'an interpreter that has PyTorch for GPUs'),
    new Option('--peer <folder>', 'holds ecyclegan_torch.py'),
    new Option('--configurations <list>', `what is tried of PyTorch: ${gpuIds.join(', ')} (default: all)`).argParser(
      listOf(oneOf(gpuIds)),
    ),
  ])
    .addHelpText('after', gpuExamples)
    .action((options: GpuRaceOptions & { rounds: number } & Named) => {
      run = () =>
        report(options.name ?? 'cuda', benchGpu(options, options), {
          everyNote: true,
          machine: () => describeGpu(options.device, options.precision),
        });
    });
  add('calls', 'where a training step goes: each of its kernel calls alone, by kind and by shapes', [
    new Option('--device <name>', `where: ${stepDevices.join(', ')}`)
      .default('cpu')
      .argParser(oneOf<StepDevice>(stepDevices)),
    flags.batch([1]),
    flags.precision(),
    gpuNetwork(),
    new Option('--seconds <s>', 'for each kernel and shapes').default(0.1).argParser(seconds),
    new Option('--shapes <n>', 'how many of those that take longest are shown').default(10).argParser(wholeNumber),
  ])
    .addHelpText('after', callsExamples)
    .action((options: CallsOptions & Named) => {
      run = () => reportCalls(options.name ?? 'calls', options);
    });
  add('convs', 'the convolutions of training, each kernel alone on the native backend', [
    flags.batch([1, 4, 8]),
    flags.precision(),
    new Option('--only <text>', 'those whose line holds this').default('', 'all'),
    new Option('--seconds <s>', 'for each kernel').default(0.1).argParser(seconds),
  ]).action((options: BenchOptions & Named & { only: string; seconds: number }) => {
    run = () => report(options.name ?? 'convs', benchConvs(options, options), { tables: false });
  });
  add('precision', 'losses of training in float32 and in bfloat16, from the same seed', [
    new Option('--steps <n>', 'of each run').default(500).argParser(wholeNumber),
  ]).action((options: Named & { steps: number }) => {
    run = () => benchPrecision(options.name ?? 'precision', options.steps);
  });
  return { command, chosen: () => run!() };
}

const gpuNetwork = (): Option =>
  new Option('--network <name>', `what is trained: ${Object.keys(gpuNetworks).join(', ')}`)
    .default('write-up')
    .argParser(oneOf<GpuNetwork>(Object.keys(gpuNetworks) as GpuNetwork[]));

const stepDevices = ['cpu', ...gpuDevices] as const;
type StepDevice = (typeof stepDevices)[number];

interface CallsOptions extends Pick<BenchOptions, 'batch' | 'precision'> {
  readonly device: StepDevice;
  readonly network: GpuNetwork;
  readonly seconds: number;
  readonly shapes: number;
}

const gpuIds = gpuConfigurations.map(({ id }) => id);

interface Named {
  readonly name?: string;
}

const nameOf = (text: string): string => {
  if (!/^[\w.-]+$/.test(text))
    throw new InvalidArgumentError('Expected letters, digits, dots, dashes and underscores.');
  return text;
};

/** The short set: tfjs's cpu backend takes part where it takes no more than seconds. */
async function* overview(): AsyncGenerator<Comparison> {
  const options: BenchOptions = {
    batch: [1],
    rounds: 3,
    precision: ['float32'],
    engines: engineNames,
    network: 'reference',
  };
  const short = { rounds: options.rounds, turnMs: shortTurnMs };
  yield* benchKernels(options, short, shortCpuFlops);
  yield* benchStep(options, short);
  yield* benchGeneration(
    { ...options, batch: [1, 8], engines: ['native', 'tfjs-node', 'tfjs-node-plain', 'wasm'] },
    short,
  );
}

const shortCpuFlops = 2e8;

/** Prints tables as they come, then writes them all. */
async function report(
  name: string,
  comparisons: AsyncIterable<Comparison>,
  {
    tables = true,
    everyNote = false,
    machine: describe = describeMachine,
  }: { tables?: boolean; everyNote?: boolean; machine?: () => Promise<Machine> } = {},
): Promise<void> {
  const machine = await describe();
  announce(machine);
  const found: Comparison[] = [];
  const said = new Set<string>();
  for await (const comparison of comparisons) {
    // What is said of every table is said once, but for trials: each table has its own.
    const notes = comparison.notes?.filter((note) => everyNote || !said.has(note)) ?? [];
    for (const note of notes) said.add(note);
    if (tables) console.log(`${tableOf({ ...comparison, notes }, machine)}\n`);
    found.push(comparison);
  }
  const paths = await save(name, found, machine);
  console.log(`Written: ${paths.join(', ')}`);
}

/** Says what figures are measured on. */
function announce(machine: Machine): void {
  console.log(machineLine(machine));
  const warning = loadWarning(machine);
  if (warning) console.log(warning);
  console.log();
}

async function reportCalls(name: string, options: CallsOptions): Promise<void> {
  const { device, batch, precision: precisions, network, seconds, shapes } = options;
  const machine = await (device === 'cpu' ? describeMachine() : describeGpu(device, precisions));
  announce(machine);
  const steps: StepProfile[] = [];
  for (const batchSize of batch)
    for (const precision of precisions) {
      const config = { ...gpuNetworks[network], batchSize };
      const engine = device === 'cpu' ? 'native' : gpuEngine;
      const step = await profileStep(config, { engine, precision, seconds });
      console.log(`${profileText(step, machine, shapes)}\n`);
      steps.push(step);
    }
  console.log(`Written: ${await saveJson(name, machine, { network, steps })}`);
}
