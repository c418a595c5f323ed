"""Multiply-adds of TensorFlow operations, by type.

An operation is counted (a convolution, a matrix product), known to cost no
multiply-adds (`_FREE`), or unknown. An unknown operation is reported, because
it may hide multiply-adds.
"""

import math
from collections.abc import Iterator

import tensorflow as tf

# Types of operation that are not counted by convention or have nothing to
# count. Gradients, `…V2` variants and the like are derived in `_is_free`.
_FREE = frozenset(
    # Elementwise arithmetic and comparison.
    """
    Abs AccumulateN Acos Acosh Add AddN Angle ApproximateEqual Asin Asinh Atan
    Atan2 Atanh BesselI0 BesselI0e BesselI1 BesselI1e Betainc BiasAdd BitwiseAnd
    BitwiseOr BitwiseXor Bucketize Cast Ceil ClipByValue Complex ComplexAbs Conj
    Cos Cosh Cross Digamma Div DivNoNan Equal Erf Erfc Erfinv Exp Expm1 Floor
    FloorDiv FloorMod Greater GreaterEqual Igamma Igammac Imag Inv Invert
    IsFinite IsInf IsNan LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd
    LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Ndtri Neg NextAfter
    NotEqual Polygamma PopulationCount Pow Real RealDiv Reciprocal RightShift
    Rint Round Rsqrt Select Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Square
    SquaredDifference Sub Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy
    Zeta
    """
    # Activations and losses.
    """
    CTCLoss Elu InTopK LeakyRelu LogSoftmax Relu Relu6 Selu Softmax
    SoftmaxCrossEntropyWithLogits SparseSoftmaxCrossEntropyWithLogits
    """
    # Reductions, sums by index, searches and sorting.
    """
    All Any ApproxTopK ArgMax ArgMin Bincount CombinedNonMaxSuppression Cumprod
    Cumsum CumulativeLogsumexp DenseBincount EuclideanNorm HistogramFixedWidth
    L2Loss LowerBound Max Mean Min NonMaxSuppression NthElement Prod SegmentMax
    SegmentMean SegmentMin SegmentProd SegmentSum Sum TopK Unique
    UniqueWithCounts UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
    UnsortedSegmentSum UpperBound Where
    """
    # Normalization, pooling and resampling.
    """
    AdjustContrast AdjustHue AdjustSaturation AvgPool AvgPool3D
    BatchNormWithGlobalNormalization CropAndResize Dilation2D FractionalAvgPool
    FractionalMaxPool FusedBatchNorm HSVToRGB ImageProjectiveTransform LRN
    MaxPool MaxPool3D MaxPoolWithArgmax RGBToHSV ResizeArea ResizeBicubic
    ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
    """
    # Shapes, indexing and layout.
    """
    BatchToSpace BatchToSpaceND Bitcast BroadcastArgs BroadcastGradientArgs
    BroadcastTo Concat ConcatOffset Const DataFormatDimMap DataFormatVecPermute
    DepthToSpace Diag DiagPart DynamicPartition DynamicStitch Empty EnsureShape
    ExpandDims ExtractImagePatches ExtractVolumePatches Fill Gather GatherNd
    GuaranteeConst Identity IdentityN ImmutableConst InvertPermutation LinSpace
    ListDiff MatrixBandPart MatrixDiag MatrixDiagPart MatrixSetDiag MirrorPad
    OneHot OnesLike Pack Pad ParallelConcat ParallelDynamicStitch Placeholder
    PlaceholderWithDefault Range Rank Reshape Reverse ReverseSequence Roll
    ScatterNd ScatterNdNonAliasingAdd Shape ShapeN Size Slice Snapshot
    SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StridedSlice
    TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
    TensorScatterUpdate TensorStridedSliceUpdate Tile Transpose Unpack
    UnravelIndex VariableShape ZerosLike
    """
    # Quantisation of values to a grid.
    """
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars
    FakeQuantWithMinMaxVarsPerChannel QuantizeAndDequantize
    """
    # Random numbers.
    """
    Multinomial NonDeterministicInts ParameterizedTruncatedNormal RandomGamma
    RandomIndexShuffle RandomPoisson RandomShuffle RandomStandardNormal
    RandomUniform RandomUniformInt RngReadAndSkip RngSkip
    StatefulRandomBinomial StatefulStandardNormal StatefulTruncatedNormal
    StatefulUniform StatefulUniformFullInt StatefulUniformInt
    StatelessMultinomial StatelessParameterizedTruncatedNormal
    StatelessRandomBinomial StatelessRandomGamma StatelessRandomGetAlg
    StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg
    StatelessRandomNormal StatelessRandomPoisson StatelessRandomUniform
    StatelessRandomUniformFullInt StatelessRandomUniformInt StatelessShuffle
    StatelessTruncatedNormal TruncatedNormal
    """
    # Variables and optimizers.
    """
    AssignAddVariableOp AssignSubVariableOp AssignVariableOp DestroyResourceOp
    ReadVariableOp ResourceApplyAdaMax ResourceApplyAdadelta
    ResourceApplyAdagrad ResourceApplyAdam ResourceApplyAdamWithAmsgrad
    ResourceApplyCenteredRMSProp ResourceApplyFtrl
    ResourceApplyGradientDescent ResourceApplyKerasMomentum
    ResourceApplyMomentum ResourceApplyRMSProp ResourceGather ResourceGatherNd
    ResourceScatterAdd ResourceScatterMax ResourceScatterMin ResourceScatterMul
    ResourceScatterNdAdd ResourceScatterNdSub ResourceScatterNdUpdate
    ResourceScatterSub ResourceScatterUpdate ResourceStridedSliceAssign
    VarHandleOp VarIsInitializedOp
    """
    # Lists of tensors, tables, strings and ragged tensors.
    """
    AsString HashTable LookupTableFind LookupTableSize MutableHashTable
    RaggedBincount RaggedGather RaggedRange RaggedTensorToSparse
    RaggedTensorToTensor RegexFullMatch RegexReplace SparseFillEmptyRows
    SparseReorder SparseReshape SparseToDense StaticRegexFullMatch
    StaticRegexReplace StringFormat StringJoin StringLength StringLower
    StringNGrams StringSplit StringStrip StringToHashBucketFast
    StringToHashBucketStrong StringToNumber StringUpper Substr TensorListConcat
    TensorListConcatLists TensorListElementShape TensorListFromTensor
    TensorListGather TensorListGetItem TensorListLength TensorListPopBack
    TensorListPushBack TensorListReserve TensorListResize TensorListScatter
    TensorListScatterIntoExistingList TensorListSetItem TensorListSplit
    TensorListStack UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode
    UnicodeTranscode
    """
    # Control flow, replicas and messages.
    """
    Assert CheckNumerics CollectiveAllToAll CollectiveBcastRecv
    CollectiveBcastSend CollectiveGather CollectiveReduce ControlTrigger
    DebugIdentity NcclAllReduce NoOp PreventGradient Print StopGradient
    Timestamp
    """.split()
)
_CALLS = ("PartitionedCall", "StatefulPartitionedCall")


def executed(graph: tf.Graph) -> Iterator[tf.Operation]:
    """Yields the operations that a result or a change of state depends on.

    Calls of functions are replaced by the operations of these functions.

    Args:
        graph: the graph of a concrete function.
    """
    pending, seen = [tensor.op for tensor in graph.outputs], set()
    pending += graph.control_outputs
    while pending:
        op = pending.pop()
        if op.name in seen:
            continue
        seen.add(op.name)
        pending += [tensor.op for tensor in op.inputs]
        pending += op.control_inputs
        # Keras compiles some layers into functions of their own.
        if op.type in _CALLS:
            yield from executed(
                graph._get_function(op.get_attr("f").name).graph
            )
        else:
            yield op


def count(op: tf.Operation) -> int | None:
    """Returns the multiply-adds of an operation; None if it is not countable.

    Args:
        op: an operation. If it has a cost and its shapes are not known, such as
            behind a layer that divides texts into words, it is not countable.
    """
    if _is_free(op):
        return 0
    tensors = (*op.inputs, *op.outputs)
    if not all(tensor.shape.is_fully_defined() for tensor in tensors):
        return None
    if op.type in ("Conv2D", "Conv3D"):
        *window, per_group, _ = op.inputs[1].shape
        return _size(op.outputs[0]) * math.prod(window) * per_group
    if op.type in ("Conv2DBackpropInput", "Conv3DBackpropInputV2"):
        *window, channels, _ = op.inputs[1].shape
        return _size(op.inputs[2]) * math.prod(window) * channels
    if op.type in ("Conv2DBackpropFilter", "Conv3DBackpropFilterV2"):
        *window, per_group, _ = op.outputs[0].shape
        return _size(op.inputs[2]) * math.prod(window) * per_group
    if op.type == "DepthwiseConv2dNative":
        height, width, *_ = op.inputs[1].shape
        return _size(op.outputs[0]) * height * width
    if op.type == "DepthwiseConv2dNativeBackpropInput":
        height, width, *_ = op.inputs[1].shape
        return _size(op.inputs[2]) * height * width
    if op.type == "DepthwiseConv2dNativeBackpropFilter":
        height, width, *_ = op.outputs[0].shape
        return _size(op.inputs[2]) * height * width
    if op.type == "MatMul":
        inner = op.inputs[0].shape[0 if op.get_attr("transpose_a") else 1]
        return _size(op.outputs[0]) * inner
    if op.type in ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
        inner = op.inputs[0].shape[-2 if op.get_attr("adj_x") else -1]
        return _size(op.outputs[0]) * inner
    if op.type == "Einsum":
        return _einsum(op)
    return None


def label(op: tf.Operation) -> str:
    """Returns the type of an operation and what a function of it contains.

    A loop over a matrix product, for example, is "While (MatMul)".
    """
    inside = sorted(_unfree_types(op))
    return f"{op.type} ({', '.join(inside)})" if inside else op.type


def _size(tensor):
    return math.prod(tensor.shape)


def _einsum(op):
    terms = op.get_attr("equation").decode().partition("->")[0].split(",")
    if any("." in term for term in terms):
        return None
    sizes = {}
    for letters, tensor in zip(terms, op.inputs, strict=True):
        sizes |= dict(zip(letters, tensor.shape, strict=True))
    return math.prod(sizes.values())


def _is_free(op):
    functions = list(_functions(op))
    if functions:  # A loop, a branch: free where all that it contains is.
        return not _unfree_types(op)
    name = op.type
    # Variants of a type, such as ConcatV2, ReluGrad and FusedBatchNormGradV3.
    for _ in range(3):
        if name in _FREE:
            return True
        name = name[:-2] if name[-2:-1] == "V" else name.removesuffix("Grad")
    return False


def _functions(op):
    """Yields the graphs of the functions that an operation calls."""
    names = []
    for attribute, value in op.node_def.attr.items():
        if attribute == "_gradient_op_type":
            continue
        if value.HasField("func"):
            names.append(value.func.name)
        names += [function.name for function in value.list.func]
    for name in names:
        if op.graph._is_function(name):
            yield op.graph._get_function(name).graph


def _unfree_types(op):
    """Returns the types of the operations, in functions of one, that cost."""
    return {
        inner.type
        for graph in _functions(op)
        for inner in executed(graph)
        if not _is_free(inner)
    }
