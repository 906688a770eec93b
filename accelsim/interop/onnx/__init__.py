"""ONNX files, as every framework writes them (extra `onnx`)."""

from accelsim.interop.onnx.network import read_onnx

__all__ = ["read_onnx"]
