#!/bin/bash
# Labels a shared folder in parts on the nodes of a Slurm job: sbatch deploy/cluster/slurm.sh IN BUNDLE OUT
#
# IN, BUNDLE and OUT are on a file system that all nodes share. Submitted again, it resumes after the complete parts.
#SBATCH --job-name=label-parts
#SBATCH --nodes=8
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
set -euo pipefail

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address="$head:6379"

srun --nodes=1 --ntasks=1 --nodelist="$head" \
  ray start --head --port=6379 --num-cpus="$SLURM_CPUS_PER_TASK" --block &
sleep 20
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  srun --nodes="$((SLURM_JOB_NUM_NODES - 1))" --ntasks="$((SLURM_JOB_NUM_NODES - 1))" --exclude="$head" \
    ray start --address="$address" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
  sleep 20
fi

glossator label-parts "$1" --model "$2" --output "$3" --ray "$address" --threads 1
