#!/usr/bin/env node
import { augmentCommand } from './augment-command.js';
import { runCommand } from './command.js';

await runCommand(() => augmentCommand(process.argv.slice(2)));
