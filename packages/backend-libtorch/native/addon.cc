// The border between JavaScript and LibTorch: create, release and read tensors, run a kernel by its number, choose device,
// threads and precision. Every C++ exception becomes a JavaScript Error here; none may pass.
#include <napi.h>

#include <cstring>

#include "call.h"
#include "device.h"
#include "registry.h"
#include "settings.h"
#include "tensor-table.h"

namespace {

/** The block of doubles that calls are written to; JavaScript replaces it by a larger one when a call needs more. */
double* frame = nullptr;
std::size_t frameCapacity = 0;
Napi::Reference<Napi::Float64Array> frameReference;

/** The first line of what LibTorch says: the rest is its own call stack. */
std::string causeOf(const std::exception& error) {
  const auto* own = dynamic_cast<const c10::Error*>(&error);
  std::string text = own ? own->what_without_backtrace() : error.what();
  const auto end = text.find("\nException raised from");
  return end == std::string::npos ? text : text.substr(0, end);
}

/** Runs `body`, and turns what it throws into a JavaScript Error that begins with `what()`. */
template <typename Body, typename What>
auto guarded(const Napi::Env& env, Body body, What what) -> decltype(body()) {
  try {
    c10::InferenceMode noGradients;
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, what() + ": " + explainMemory(causeOf(error)));
  } catch (...) {
    throw Napi::Error::New(env, what() + ": an unknown C++ exception");
  }
}

std::vector<std::int64_t> sizesOf(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<std::int64_t> sizes(array.Length());
  for (std::uint32_t i = 0; i < sizes.size(); i++) sizes[i] = array.Get(i).As<Napi::Number>().Int64Value();
  return sizes;
}

Handle handleOf(const Napi::Value& value) {
  const double handle = value.As<Napi::Number>().DoubleValue();
  if (!(handle >= 0)) throw std::out_of_range("not a tensor");
  return static_cast<Handle>(handle);
}

/** setFrame(frame: Float64Array) */
void setFrame(const Napi::CallbackInfo& info) {
  auto array = info[0].As<Napi::Float64Array>();
  frameReference = Napi::Persistent(array);
  frameReference.SuppressDestruct();
  frame = array.Data();
  frameCapacity = array.ElementLength();
}

/** kernelNames(): string[]; a kernel is called by its place in this list. */
Napi::Value kernelNames(const Napi::CallbackInfo& info) {
  auto names = Napi::Array::New(info.Env(), kernels().size());
  for (std::uint32_t i = 0; i < kernels().size(); i++) names.Set(i, kernels()[i].name);
  return names;
}

/** run(kernel: number): inputs and attributes are in the frame, outputs will be. */
void run(const Napi::CallbackInfo& info) {
  const auto index = info[0].As<Napi::Number>().Uint32Value();
  if (index >= kernels().size()) throw Napi::Error::New(info.Env(), "There is no kernel number " + std::to_string(index));
  const Kernel& kernel = kernels()[index];
  std::string inputs;
  guarded(
      info.Env(),
      [&] {
        Call call(frame, frameCapacity);
        try {
          kernel.run(call);
          call.finish();
        } catch (...) {
          inputs = call.describeInputs();
          throw;
        }
      },
      [&] { return std::string(kernel.name) + "(" + inputs + ")"; });
}

/** create(values: Float32Array | Int32Array | Uint8Array, dtype: number, sizes: number[]): handle */
Napi::Value create(const Napi::CallbackInfo& info) {
  const auto sizes = sizesOf(info[2]);
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        const auto values = info[0].As<Napi::TypedArray>();
        auto tensor = at::empty(sizes, at::TensorOptions(scalarTypeOf(static_cast<Dtype>(info[1].As<Napi::Number>().Int32Value()))));
        if (tensor.nbytes() != values.ByteLength()) {
          throw std::invalid_argument(std::to_string(values.ByteLength()) + " bytes came, the shape needs " + std::to_string(tensor.nbytes()));
        }
        const auto* bytes = static_cast<const char*>(values.ArrayBuffer().Data()) + values.ByteOffset();
        if (tensor.nbytes() > 0) std::memcpy(tensor.data_ptr(), bytes, tensor.nbytes());
        // Scalars stay with the processor: LibTorch's ops take them from there, and a copy to a GPU would cost more than the op.
        if (tensor.dim() > 0 && !settings().device.is_cpu()) tensor = tensor.to(settings().device);
        return Napi::Number::New(info.Env(), static_cast<double>(tensors().insert(std::move(tensor))));
      },
      [] { return std::string("Creating a tensor"); });
}

/** release(handle) */
void release(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { tensors().release(handleOf(info[0])); }, [] { return std::string("Disposing of a tensor"); });
}

/** A new typed array with the values of a tensor that lies in the memory of the processor. */
Napi::Value typedArrayOf(const Napi::Env& env, const at::Tensor& tensor) {
  auto buffer = Napi::ArrayBuffer::New(env, tensor.nbytes());
  if (tensor.nbytes() > 0) std::memcpy(buffer.Data(), tensor.data_ptr(), tensor.nbytes());
  const auto length = static_cast<std::size_t>(tensor.numel());
  switch (dtypeOf(tensor)) {
    case Dtype::float32:
      return Napi::Float32Array::New(env, length, buffer, 0);
    case Dtype::int32:
      return Napi::Int32Array::New(env, length, buffer, 0);
    case Dtype::boolean:
      return Napi::Uint8Array::New(env, length, buffer, 0);
  }
  return env.Undefined();
}

at::Tensor onHost(const at::Tensor& tensor) {
  const auto type = tensor.scalar_type() == at::kBFloat16 ? at::kFloat : tensor.scalar_type();
  return tensor.to(at::TensorOptions(at::kCPU).dtype(type)).contiguous();
}

const auto readingText = [] { return std::string("Reading a tensor"); };

/** read(handle): TypedArray; waits for the device. */
Napi::Value read(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return typedArrayOf(info.Env(), onHost(tensors().at(handleOf(info[0])))); }, readingText);
}

/** Copies from the device on a thread of Node's pool, so that the event loop goes on while the device computes. */
class AsyncRead : public Napi::AsyncWorker {
 public:
  AsyncRead(const Napi::Env& env, at::Tensor tensor)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), tensor_(std::move(tensor)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      c10::InferenceMode noGradients;
      tensor_ = onHost(tensor_);
    } catch (const std::exception& error) {
      SetError("Reading a tensor: " + explainMemory(causeOf(error)));
    }
  }

  void OnOK() override { deferred_.Resolve(typedArrayOf(Env(), tensor_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  at::Tensor tensor_;
};

/** readAsync(handle): Promise<TypedArray> */
Napi::Value readAsync(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        auto* worker = new AsyncRead(info.Env(), tensors().at(handleOf(info[0])));
        const auto promise = worker->promise();
        worker->Queue();
        return promise;
      },
      readingText);
}

/** owners(handle): how many tensors share its memory, itself included. */
Napi::Value owners(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value { return Napi::Number::New(info.Env(), static_cast<double>(tensors().at(handleOf(info[0])).storage().use_count())); },
      [] { return std::string("Looking at a tensor"); });
}

/** configure({ device?, threads?, bf16?, processorLoops? }) */
void configure(const Napi::CallbackInfo& info) {
  const auto options = info[0].As<Napi::Object>();
  guarded(
      info.Env(),
      [&] {
        if (options.Has("device")) settings().device = deviceOf(options.Get("device").As<Napi::String>());
        if (options.Has("threads")) setThreads(options.Get("threads").As<Napi::Number>().Int32Value());
        if (options.Has("bf16")) settings().bf16 = options.Get("bf16").As<Napi::Boolean>();
        if (options.Has("processorLoops")) settings().processorLoops = options.Get("processorLoops").As<Napi::Boolean>();
      },
      [] { return std::string("Configuring LibTorch"); });
}

/** about(): { version, device, gpus, threads, parallel } */
Napi::Value about(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        auto result = Napi::Object::New(info.Env());
        result.Set("version", TORCH_VERSION);
        result.Set("device", settings().device.str());
        result.Set("gpus", gpuCount());
        result.Set("threads", at::get_num_threads());
        return result;
      },
      [] { return std::string("Asking LibTorch about itself"); });
}

/** memory(): { tensors, bytes, device?: { total, free } } */
Napi::Value memory(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        auto result = Napi::Object::New(info.Env());
        result.Set("tensors", static_cast<double>(tensors().size()));
        result.Set("bytes", static_cast<double>(tensors().bytes()));
        if (const auto device = deviceMemory(settings().device)) {
          auto figures = Napi::Object::New(info.Env());
          figures.Set("total", static_cast<double>(device->total));
          figures.Set("free", static_cast<double>(device->free));
          result.Set("device", figures);
        }
        return result;
      },
      [] { return std::string("Asking for the memory in use"); });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  keepMemory();
  exports.Set("setFrame", Napi::Function::New(env, setFrame));
  exports.Set("kernelNames", Napi::Function::New(env, kernelNames));
  exports.Set("run", Napi::Function::New<run>(env));
  exports.Set("create", Napi::Function::New<create>(env));
  exports.Set("release", Napi::Function::New<release>(env));
  exports.Set("read", Napi::Function::New(env, read));
  exports.Set("readAsync", Napi::Function::New(env, readAsync));
  exports.Set("owners", Napi::Function::New(env, owners));
  exports.Set("configure", Napi::Function::New(env, configure));
  exports.Set("about", Napi::Function::New(env, about));
  exports.Set("memory", Napi::Function::New(env, memory));
  return exports;
}

}  // namespace

NODE_API_MODULE(libtorch, init)
