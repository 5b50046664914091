#!/bin/bash
# Runs once, when becquerel is made. headscale's state lies on a volume that outlives the machine.
set -euo pipefail
mkdir -p /var/lib/headscale
mount LABEL=headscale /var/lib/headscale
dnf install -y headscale-0.23.0
systemctl enable --now headscale
