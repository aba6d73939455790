#!/usr/bin/env node
import { runCommand } from './command.js';
import { pretrainCommand } from './pretrain-command.js';

await runCommand(() => pretrainCommand(process.argv.slice(2)));
