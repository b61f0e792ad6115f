#!/usr/bin/env bash
# A SLURM cluster of its own for the tests, on this machine, as root: every daemon real, the nodes pretended.
#
#   cluster.sh start [NODES]   munge, MariaDB and slurmdbd (unless AN_TEST_ACCOUNTS=0), slurmctld, slurmd per node
#   cluster.sh stop            end what `start` started, by process id
#   cluster.sh kill WHAT       end one daemon at once: ctld, dbd, or a node (n0)
#   cluster.sh revive WHAT     start it again
#
# It needs Debian's slurm-wlm, slurmdbd, munge and mariadb-server.
#   AN_TEST_CLUSTER    folder of its state                        (/var/lib/an-cli-test-cluster)
#   AN_TEST_ACCOUNTS   0: a cluster that keeps no accounts        (1)
#   AN_TEST_MAX_ARRAY  MaxArraySize, which caps the largest index (1001)
#   AN_TEST_MIN_JOB_AGE  seconds that an ended job is seen   (300)
#   AN_TEST_CONF       more lines of slurm.conf                   ()
#
# Two partitions: `main`, and `urgent`, whose jobs preempt those of `main` by requeueing them. Two pretended GPUs a node.
# Settings that are minutes on a real cluster are seconds here: a node without its slurmd is down after 10 s, a job has
# 5 s between SIGTERM and SIGKILL, and a requeued job may start again after 5 s.
set -euo pipefail
state=${AN_TEST_CLUSTER:-/var/lib/an-cli-test-cluster}
accounts=${AN_TEST_ACCOUNTS:-1}
max_array=${AN_TEST_MAX_ARRAY:-1001}
host=$(hostname -s)
socket=/run/mysqld/an-cli-test.sock

# A daemon holds nothing of ours open, else `cluster.sh start | tee` would wait for it for ever.
# A daemon that was killed leaves its file behind, and another process may have been given its number since.
runs() {
  local daemon
  daemon=$(basename "$1" .pid)
  daemon=${daemon%%-*}
  if [ "$daemon" = mariadb ]; then daemon=mariadbd; fi
  [ -s "$1" ] && [ "$(cat "/proc/$(cat "$1")/comm" 2> /dev/null)" = "$daemon" ]
}

until_true() {
  local tries
  for ((tries = 0; tries < 160; tries++)); do
    if "$@" &> /dev/null; then return 0; fi
    sleep 0.25
  done
  echo "cluster.sh: waited 40 s in vain for: $*" >&2
  return 1
}

launch_munge() {
  install -d -o munge -g munge -m 755 /run/munge
  munge --no-input &> /dev/null || runuser -u munge -- munged --pid-file="$state/pid/munged.pid" &> "$state/log/munged.log"
  until_true munge --no-input
}

launch_database() {
  install -d -o mysql -g mysql /run/mysqld "$state/database"
  [ -d "$state/database/mysql" ] \
    || mariadb-install-db --user=mysql --datadir="$state/database" --auth-root-authentication-method=normal \
      &> "$state/log/mariadb-install.log"
  runs "$state/pid/mariadb.pid" || {
    setsid mariadbd --user=mysql --datadir="$state/database" --socket="$socket" --skip-networking \
      --pid-file="$state/pid/mariadb.pid" &> "$state/log/mariadb.log" &
  }
  until_true mariadb-admin --socket="$socket" ping
}

write_dbd_conf() {
  # libmariadb looks for this socket by default only; slurmdbd has no key for another one.
  ln -sfn "$socket" /run/mysqld/mysqld.sock
  install -m 600 /dev/stdin /etc/slurm/slurmdbd.conf << EOF
AuthType=auth/munge
DbdHost=$host
DbdAddr=127.0.0.1
SlurmUser=root
LogFile=$state/log/slurmdbd.log
PidFile=$state/pid/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=an_cli_test
EOF
}

write_conf() {
  local nodes=$1 place
  echo "NodeName=n[0-$((nodes - 1))] Name=gpu File=/dev/tty[0-1]" > /etc/slurm/gres.conf
  {
    cat << EOF
ClusterName=antest
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/spool/%n
SlurmctldPidFile=$state/pid/slurmctld.pid
SlurmdPidFile=$state/pid/slurmd-%n.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
GresTypes=gpu
JobRequeue=1
MaxArraySize=$max_array
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=5
SlurmdTimeout=10
MinJobAge=${AN_TEST_MIN_JOB_AGE:-300}
ReturnToService=2
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
EOF
    if [ "$accounts" = 1 ]; then
      echo "AccountingStorageType=accounting_storage/slurmdbd"
      echo "AccountingStorageHost=127.0.0.1"
    else
      echo "AccountingStorageType=accounting_storage/none"
    fi
    for ((place = 0; place < nodes; place++)); do
      echo "NodeName=n$place NodeHostname=$host NodeAddr=127.0.0.1 Port=$((17101 + place)) CPUs=2 RealMemory=4000 Gres=gpu:2"
    done
    echo "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1"
    if [ -n "${AN_TEST_CONF:-}" ]; then echo "$AN_TEST_CONF"; fi
    echo "PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10"
  } > /etc/slurm/slurm.conf
}

revive() {
  case "$1" in
    dbd) runs "$state/pid/slurmdbd.pid" || setsid slurmdbd &> /dev/null ;;
    ctld) runs "$state/pid/slurmctld.pid" || setsid slurmctld &> /dev/null ;;
    n*) runs "$state/pid/slurmd-$1.pid" || setsid slurmd -N "$1" &> /dev/null ;;
  esac
}

end() {
  local file
  case "$1" in
    dbd) file=$state/pid/slurmdbd.pid ;;
    ctld) file=$state/pid/slurmctld.pid ;;
    *) file=$state/pid/slurmd-$1.pid ;;
  esac
  if runs "$file"; then kill -9 "$(cat "$file")"; fi
}

idle_nodes() { [ "$(sinfo --noheader --Node --partition=main --states=idle --format=%N | sort -u | wc -l)" -ge "$1" ]; }

start() {
  local nodes=$1 place
  install -d -m 755 "$state" "$state"/{log,spool,ctld,pid} /etc/slurm
  chmod 1777 "$state/pid"  # for two users; munged refuses one that anybody may clean
  launch_munge
  write_conf "$nodes"
  if [ "$accounts" = 1 ]; then
    launch_database
    write_dbd_conf
    revive dbd
    until_true sacctmgr --noheader list cluster
    sacctmgr --noheader --immediate add cluster antest &> /dev/null || true
  fi
  revive ctld
  for ((place = 0; place < nodes; place++)); do
    mkdir -p "$state/spool/n$place"
    revive "n$place"
  done
  # The controller remembers a node that an earlier cluster's tests have left drained.
  until_true scontrol ping
  for place in $(sinfo --noheader --Node --states=drain --format=%N | sort -u); do
    scontrol update "NodeName=$place" State=RESUME || true
  done
  until_true idle_nodes "$nodes"
}

stop() {
  local file
  for file in "$state"/pid/slurmd-*.pid "$state"/pid/{slurmctld,slurmdbd,mariadb,munged}.pid; do
    if runs "$file"; then kill "$(cat "$file")" || true; fi
  done
  for file in "$state"/pid/{slurmctld,slurmdbd,mariadb,munged}.pid; do
    local tries
    for ((tries = 0; tries < 80; tries++)); do runs "$file" || break; sleep 0.25; done
  done
  rm -f "$state"/pid/slurmd-*.pid "$state"/pid/{slurmctld,slurmdbd}.pid
}

case "${1:-}" in
  start) start "${2:-2}" ;;
  stop) stop ;;
  kill) end "$2" ;;
  revive) revive "$2" ;;
  *)
    echo "usage: $0 start [NODES] | stop | kill WHAT | revive WHAT" >&2
    exit 2
    ;;
esac
