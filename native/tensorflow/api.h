// The part of TensorFlow's C API that ops need, found at run time in the libtensorflow that this
// process has loaded, which is tfjs-node's: no header of TensorFlow is read and nothing is linked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

// TensorFlow's own names. It says what they are; here they are only passed on.
struct TF_Buffer;
struct TF_KernelBuilder;
struct TF_OpDefinitionBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_ShapeInferenceContext;
struct TF_Status;
struct TF_Tensor;

namespace rareface::tensorflow {

// TF_Code and TF_DataType: the values that are used here.
enum Code : int { kOk = 0, kInvalidArgument = 3, kResourceExhausted = 8 };
enum DataType : int { kFloat = 1, kInt32 = 3 };

using ShapeFunction = void (*)(TF_ShapeInferenceContext*, TF_Status*);
using CreateFunction = void* (*)(TF_OpKernelConstruction*);
using ComputeFunction = void (*)(void*, TF_OpKernelContext*);
using DeleteFunction = void (*)(void*);

// X(result, name without TF_, arguments); all are in TensorFlow 2.9 and in every later one.
#define RAREFACE_TENSORFLOW_FUNCTIONS(X)                                                           \
  X(const char*, Version, ())                                                                      \
  X(TF_Status*, NewStatus, ())                                                                     \
  X(void, DeleteStatus, (TF_Status*))                                                              \
  X(int, GetCode, (const TF_Status*))                                                              \
  X(const char*, Message, (const TF_Status*))                                                      \
  X(void, SetStatus, (TF_Status*, int code, const char* message))                                  \
  X(TF_Buffer*, GetRegisteredKernelsForOp, (const char* op, TF_Status*))                           \
  X(void, DeleteBuffer, (TF_Buffer*))                                                              \
  X(TF_OpDefinitionBuilder*, NewOpDefinitionBuilder, (const char* op))                             \
  X(void, OpDefinitionBuilderAddInput, (TF_OpDefinitionBuilder*, const char* spec))                \
  X(void, OpDefinitionBuilderAddOutput, (TF_OpDefinitionBuilder*, const char* spec))               \
  X(void, OpDefinitionBuilderAddAttr, (TF_OpDefinitionBuilder*, const char* spec))                 \
  X(void, OpDefinitionBuilderSetShapeInferenceFunction, (TF_OpDefinitionBuilder*, ShapeFunction))  \
  X(void, ShapeInferenceContextSetUnknownShape, (TF_ShapeInferenceContext*, TF_Status*))           \
  X(void, RegisterOpDefinition, (TF_OpDefinitionBuilder*, TF_Status*))                             \
  X(TF_KernelBuilder*, NewKernelBuilder,                                                           \
    (const char* op, const char* device, CreateFunction, ComputeFunction, DeleteFunction))         \
  X(void, KernelBuilder_HostMemory, (TF_KernelBuilder*, const char* argument))                     \
  X(void, RegisterKernelBuilder, (const char* name, TF_KernelBuilder*, TF_Status*))                \
  X(void, OpKernelContext_Failure, (TF_OpKernelContext*, TF_Status*))                              \
  X(int, NumInputs, (TF_OpKernelContext*))                                                         \
  X(int, NumOutputs, (TF_OpKernelContext*))                                                        \
  X(void, GetInput, (TF_OpKernelContext*, int i, TF_Tensor**, TF_Status*))                         \
  X(TF_Tensor*, AllocateOutput,                                                                    \
    (TF_OpKernelContext*, int i, int dtype, const std::int64_t* dims, int rank, std::size_t bytes, \
     TF_Status*))                                                                                  \
  X(int, TensorType, (const TF_Tensor*))                                                           \
  X(void*, TensorData, (const TF_Tensor*))                                                         \
  X(std::size_t, TensorByteSize, (const TF_Tensor*))                                               \
  X(void, DeleteTensor, (TF_Tensor*))

struct Api {
  // Throws std::runtime_error where no libtensorflow is loaded, or one without these functions.
  static Api find();

#define RAREFACE_MEMBER(result, name, arguments) result(*name) arguments = nullptr;
  RAREFACE_TENSORFLOW_FUNCTIONS(RAREFACE_MEMBER)
#undef RAREFACE_MEMBER
};

// What a call of TensorFlow says of itself.
class Status {
 public:
  explicit Status(const Api& api) : api_(api), status_(api.NewStatus(), api.DeleteStatus) {}
  TF_Status* get() const { return status_.get(); }
  bool ok() const { return api_.GetCode(get()) == kOk; }
  void set(Code code, const std::string& message) { api_.SetStatus(get(), code, message.c_str()); }
  // Throws std::runtime_error with TensorFlow's words where it is none.
  void require_ok() const;

 private:
  const Api& api_;
  std::unique_ptr<TF_Status, void (*)(TF_Status*)> status_;
};

using TensorHandle = std::unique_ptr<TF_Tensor, void (*)(TF_Tensor*)>;

}  // namespace rareface::tensorflow
