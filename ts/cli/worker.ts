#!/usr/bin/env node
import { runCommand } from './command.js';
import { workerCommand } from './worker-command.js';

await runCommand(() => workerCommand(process.argv.slice(2)));
