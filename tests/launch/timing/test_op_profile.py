"""Where the time goes: kinds read off a program by hand, and a whole profile."""

import json
import sys

import pytest

from cardiax.launch.timing import op_profile

pytestmark = pytest.mark.usefixtures("small_products")

PROGRAM = """HloModule jit_train_step, is_scheduled=true

%fused_computation.1 (param_0: f32[4,8], param_1: f32[8]) -> f32[4,8] {
  %param_0 = f32[4,8]{1,0} parameter(0)
  %constant = f32[] constant(0)
  ROOT %reduce.3 = f32[8]{0} reduce(%param_0, %constant), dimensions={0}, to_apply=%region_0
}

%fused_computation.2 (param_0.1: f32[4,8]) -> f32[8,4] {
  %param_0.1 = f32[4,8]{1,0} parameter(0)
  %tanh.1 = f32[4,8]{1,0} tanh(%param_0.1)
  ROOT %transpose.1 = f32[8,4]{1,0} transpose(%tanh.1), dimensions={1,0}
}

%body (arg: (s32[], f32[4,4])) -> (s32[], f32[4,4]) {
  %arg = (s32[], f32[4,4]{1,0}) parameter(0)
  %gte = f32[4,4]{1,0} get-tuple-element(%arg), index=1
  %dot.7 = f32[4,4]{1,0} dot(%gte, %gte), lhs_contracting_dims={1}, rhs_contracting_dims={0}
  ROOT %out = (s32[], f32[4,4]{1,0}) tuple(%gte, %dot.7)
}

ENTRY %main.9 (x.1: f32[4,8], w.1: f32[3,8,8]) -> (f32[8], f32[8,4]) {
  %x.1 = f32[4,8]{1,0} parameter(0)
  %conv_general_dilated.4 = f32[4,8]{1,0} convolution(%x.1, %w.1), window={size=3 pad=1_1}, dim_labels=b0f_0io->b0f
  %ynn_fusion = f32[8]{0} fusion(%x.1, %x.1), kind=kCustom, calls=%fused_computation.1, backend_config={"a":"b"}
  %transpose_copy_fusion = f32[8,4]{1,0} fusion(%x.1), kind=kLoop, calls=%fused_computation.2
  %while.2 = (s32[], f32[4,4]{1,0}) while(%tuple.1), condition=%region_1, body=%body
  %add.2 = f32[4,8]{1,0} add(%x.1, %x.1), metadata={op_name="jit(train_step)/add"}
  ROOT %tuple.6 = (f32[8]{0}, f32[8,4]{1,0}) tuple(%ynn_fusion, %transpose_copy_fusion)
}
"""


def test_kinds_by_hand():
    events = [
        ("conv_general_dilated.4", 0.5),
        ("ynn_fusion", 0.25),
        ("transpose_copy_fusion", 0.125),
        ("add.2", 1.0),
        ("while.2", 64.0),  # the time of the products in it
        ("dot.7", 2.0),
        ("dot.7", 2.0),
        ("end: dot.7", 64.0),
        ("ThunkExecutor::Execute", 64.0),
    ]
    assert list(op_profile.kinds(PROGRAM, events).items()) == [
        ("products of matrices", 4.0),
        ("element by element", 1.0),
        ("convolutions", 0.5),
        ("reductions", 0.25),
        ("copies in another order", 0.125),
    ]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="binds a process to a core, as Linux can")
def test_profiles_of_a_step_and_of_inference(cardiax, tmp_path):
    file = tmp_path / "bench.json"
    status, out, error = cardiax(
        *("bench", "heartbeat", "--model", "reference_cnn", "--model-args", "channels=(32,16),widths=(64,)"),
        *("--blocks", 2, "--seconds", 0.01, "--no-start", "--profile", "--json", file),
    )
    assert status == 0, error
    (result,) = json.loads(file.read_text())["results"]
    step, inference = result["profile"]["step"], result["profile"]["inference"]
    assert list(inference) == ["1", "256"]
    # One input's windows are laid out, and then XLA counts the zeros beyond the ends too.
    assert inference["256"]["flops"] == pytest.approx(256 * inference["1"]["flops"], rel=0.1)
    for program in (step, *inference.values()):
        kinds = dict(program["kinds"])
        assert sum(kinds.values()) >= 0.999 * program["seconds"]
        assert kinds.pop(op_profile.BETWEEN) >= 0
        assert {"products of matrices", op_profile.REST} <= set(kinds)
        assert set(kinds) <= {*op_profile.KINDS.values(), op_profile.REST}
        assert list(kinds.values()) == sorted(kinds.values(), reverse=True)
        assert min(kinds.values()) > 0
    assert "convolutions" in step["kinds"]
    assert 0 < step["flops"] < result["flops"]  # one device updates the parameters once, eight each
    for text in ("on one core", "  convolutions", "  inference of 1: ", "  inference of 256: "):
        assert text in out


def test_a_system_that_binds_no_process_is_told(monkeypatch, cardiax):
    monkeypatch.delattr(op_profile.os, "sched_setaffinity", raising=False)
    arguments = ("--model-args", "channels=(4,),widths=(4,)", "--blocks", 2, "--seconds", 0.01, "--no-start")
    assert "expected Linux" in cardiax.mistake(
        "bench", "heartbeat", "--model", "reference_cnn", "--profile", *arguments
    )
    assert "--scaling and --profile" in cardiax.mistake("bench", "--scaling", "--profile")
