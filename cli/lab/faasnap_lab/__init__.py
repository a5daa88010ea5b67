# SPDX-License-Identifier: Apache-2.0
"""The lab: an emulated machine with a working /dev/kvm, for one command. See docs/guide/lab.md."""
