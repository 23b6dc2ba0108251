#!/bin/bash -eu
"$SRC/rouse/.clusterfuzzlite/build.sh"
