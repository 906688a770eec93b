import numpy as np

from accelsim.reference.spikes import pack, unpack


def test_the_first_step_is_the_most_significant_bit() -> None:
    planes = np.array([[[1, 0]], [[0, 0]], [[1, 1]]], dtype=np.uint8)
    words = pack(planes)
    assert words.tolist() == [[5, 1]]
    assert unpack(words, 3).tolist() == planes.tolist()


def test_integer_spikes_take_several_bits_a_step() -> None:
    planes = np.array([[2, 0], [3, 1]])
    words = pack(planes, bits_per_step=2)
    assert words.tolist() == [11, 1]
    assert unpack(words, 2, bits_per_step=2).tolist() == planes.tolist()
