"""Records of one layout parsed at once: what protobuf's own parser finds, or nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_datasets.proto import tf_example_pb2

from cardiax.datasets.storage.example_messages import same_layout, spans

number = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 300)
example = st.fixed_dictionaries({"beat": st.binary(min_size=3, max_size=3), "label": number, "row": number})


def written(features, names=("beat", "label", "row")):
    """The features as a record, in that order: protobuf itself may write them in any."""
    entries = []
    for name in names:
        one = tf_example_pb2.Example().features
        lists = one.feature[name]
        (lists.bytes_list if isinstance(features[name], bytes) else lists.int64_list).value.append(features[name])
        entries.append(one.SerializeToString())
    content = b"".join(entries)
    assert len(content) < 128  # its length is one byte
    return b"\n" + bytes([len(content)]) + content


@given(st.lists(example, min_size=1, max_size=8))
def test_values_are_those_that_protobuf_parses(examples):
    records = [written(one) for one in examples]
    for length in {len(record) for record in records}:
        some = [record for record in records if len(record) == length]
        same, values = same_layout(some)
        assert same[0]
        parsed = [tf_example_pb2.Example.FromString(some[row]).features.feature for row in np.flatnonzero(same)]
        assert [bytes(value) for value in values["beat"]] == [one["beat"].bytes_list.value[0] for one in parsed]
        for name in ("label", "row"):
            assert values[name].tolist() == [one[name].int64_list.value[0] for one in parsed]


def test_another_layout_of_the_same_length_is_left_out():
    narrow, wide = ({"beat": b"abc", "label": label, "row": row} for label, row in ((1, 300), (300, 1)))
    other_order = written(narrow, ("label", "beat", "row"))
    same, values = same_layout([written(narrow), written(wide), written(narrow), other_order])
    assert same.tolist() == [True, False, True, False]
    assert values["row"].tolist() == [300, 300]


def of(**lists):
    one = tf_example_pb2.Example()
    for name, (kind, values) in lists.items():
        getattr(one.features.feature[name], kind).value.extend(values)
    return one.SerializeToString()


@pytest.mark.parametrize(
    "record",
    [
        of(label=("int64_list", [1, 2])),
        of(label=("int64_list", [])),
        of(beat=("bytes_list", [b"a", b"b"])),
        of(beat=("float_list", [1.0])),
        of(label=("int64_list", [3])) + of(label=("int64_list", [4])),
        of(label=("int64_list", [300]))[:-1],
        b"",
        b"\n",
        b"\n\x07\n\x05\n\x01a\x12\x00",
        b"\xff" * 12,
    ],
)
def test_any_other_record_is_left_to_protobuf(record):
    with pytest.raises(ValueError, match=r"found|unpack|values"):
        spans(record)
    same, values = same_layout([record, record])
    assert not same.any()
    assert values == {}


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_parsed(record):
    try:
        found = spans(record)
    except ValueError:
        return
    for _, (start, end) in found.values():
        assert 0 <= start <= end <= len(record)
