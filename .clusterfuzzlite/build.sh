#!/bin/bash -eu
#
# Builds the fuzzers for OSS-Fuzz and ClusterFuzzLite, which bring compiler, flags, engine
# ($LIB_FUZZING_ENGINE) and the folder to put things in ($OUT). Only what needs no kernel
# goes there: `differential` and `threads` are for a machine of one's own.

cmake -S "$SRC/rouse" -B "$WORK/rouse" -DCMAKE_BUILD_TYPE=RelWithDebInfo -DROUSE_ASSERTS=ON \
    -DROUSE_BACKENDS=sim -DROUSE_CONFORM=OFF -DROUSE_EXAMPLES=OFF -DROUSE_INSTALL=OFF \
    -DROUSE_FUZZ=ON
cmake --build "$WORK/rouse" --parallel "$(nproc)"

for target in waker timers sim text; do
    cp "$WORK/rouse/fuzz_$target" "$OUT/"
    seeds=$WORK/seeds/$target
    mkdir -p "$seeds"
    for seed in "$SRC/rouse/fuzz/corpus/$target"/*; do
        case $target-$seed in
        waker-*.txt | sim-*.txt)
            "$WORK/rouse/rouse-replay" --to-bytes "$seed" "$seeds/$(basename "$seed" .txt)" ;;
        *) cp "$seed" "$seeds/" ;;
        esac
    done
    zip -q -j "$OUT/fuzz_${target}_seed_corpus.zip" "$seeds"/*
    printf '[libfuzzer]\nmax_len = 256\ntimeout = 30\n' >"$OUT/fuzz_$target.options"
done
