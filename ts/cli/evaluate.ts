#!/usr/bin/env node
import { runCommand } from './command.js';
import { evaluateCommand } from './evaluate-command.js';

await runCommand(() => evaluateCommand(process.argv.slice(2)));
