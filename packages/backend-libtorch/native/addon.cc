// The border between JavaScript and LibTorch: create, release and read tensors, run a kernel by its number, choose device,
// threads and precision. Every C++ exception becomes a JavaScript Error here; none may pass.
#include <napi.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <thread>

#include "call.h"
#include "device.h"
#include "host-memory.h"
#include "registry.h"
#include "settings.h"
#include "tensor-table.h"

namespace {

/** The block of doubles that calls are written to; JavaScript replaces it by a larger one when a call needs more. */
double* frame = nullptr;
std::size_t frameCapacity = 0;
Napi::Reference<Napi::Float64Array> frameReference;

/** The thread that has set the frame: until it ends it has the addon to itself, as frame, tensors and settings are the process'. */
std::atomic<std::thread::id> owner{};

/** @throws Napi::Error on another thread than the owner's */
void expectOwner(const Napi::Env& env) {
  const auto id = owner.load();
  if (id == std::thread::id() || id == std::this_thread::get_id()) return;
  throw Napi::Error::New(env, "The LibTorch backend runs in one thread of a process; another one has started it.");
}

/** When the owner ends: what it has not disposed of nobody else has a handle of. */
void disown(void*) {
  tensors().clear();
  frameReference.Reset();
  frame = nullptr;
  frameCapacity = 0;
  owner = std::thread::id();
}

/** The first line of what LibTorch says: the rest is advice for Python programs, and its own call stack. */
std::string causeOf(const std::exception& error) {
  const auto* own = dynamic_cast<const c10::Error*>(&error);
  const std::string text = own ? own->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

/** What LibTorch keeps for each thread: no gradients, and which GPU is the current one. */
struct ThreadState {
  ThreadState() {
    if (!settings().device.is_cpu()) device.reset_device(settings().device);
  }
  c10::InferenceMode noGradients;
  c10::OptionalDeviceGuard device;
};

/** Runs `body`, and turns what it throws into a JavaScript Error that begins with `what()`. */
template <typename Body, typename What>
auto guarded(const Napi::Env& env, Body body, What what) -> decltype(body()) {
  expectOwner(env);
  try {
    ThreadState state;
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, what() + ": " + explainMemory(causeOf(error)));
  } catch (...) {
    throw Napi::Error::New(env, what() + ": an unknown C++ exception");
  }
}

/** @throws std::invalid_argument where it is no whole number in [0, limit) */
std::uint64_t wholeNumber(const Napi::Value& value, double limit, const char* what) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (number >= 0 && number < limit && number == std::floor(number)) return static_cast<std::uint64_t>(number);
  const auto came = value.IsNumber() ? std::string(value.ToString()) : "no number";
  throw std::invalid_argument(std::string("a ") + what + " was expected, " + came + " came");
}

/** What a double holds without loss. */
constexpr double kSafeNumbers = 9007199254740992.0;

Handle handleOf(const Napi::Value& value) { return wholeNumber(value, kSafeNumbers, "handle of a tensor"); }

std::vector<std::int64_t> sizesOf(const Napi::Value& value) {
  if (!value.IsArray()) throw std::invalid_argument("the sizes are no array");
  const auto array = value.As<Napi::Array>();
  std::vector<std::int64_t> sizes(array.Length());
  for (std::uint32_t i = 0; i < sizes.size(); i++) sizes[i] = static_cast<std::int64_t>(wholeNumber(array.Get(i), kSafeNumbers, "size"));
  return sizes;
}

/** The memory of a typed array, which may be shared with other threads. */
struct Bytes {
  explicit Bytes(const Napi::Value& value) {
    if (!value.IsTypedArray()) throw std::invalid_argument("the values are no typed array");
    std::size_t elements = 0;
    napi_get_typedarray_info(value.Env(), value, nullptr, &elements, &data, nullptr, nullptr);
    count = elements * value.As<Napi::TypedArray>().ElementSize();
  }

  void* data = nullptr;
  std::size_t count;
};

/** setFrame(frame: Float64Array) */
void setFrame(const Napi::CallbackInfo& info) {
  const bool fits = info[0].IsTypedArray() && info[0].As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
  if (!fits) throw Napi::TypeError::New(info.Env(), "The frame is no Float64Array");
  std::thread::id none;
  if (owner.compare_exchange_strong(none, std::this_thread::get_id())) napi_add_env_cleanup_hook(info.Env(), disown, nullptr);
  expectOwner(info.Env());
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

/** run(kernel: number, length: number): inputs and attributes are the first numbers of the frame, as the outputs will be. */
void run(const Napi::CallbackInfo& info) {
  std::string called = "Running a kernel";
  guarded(
      info.Env(),
      [&] {
        const Kernel& kernel = kernels()[wholeNumber(info[0], static_cast<double>(kernels().size()), "number of a kernel")];
        called = kernel.name;
        Call call(frame, wholeNumber(info[1], static_cast<double>(frameCapacity) + 1, "length of a call"), frameCapacity);
        try {
          kernel.run(call);
          call.finish();
        } catch (...) {
          called += "(" + call.describeInputs() + ")";
          throw;
        }
      },
      [&] { return called; });
}

/** Memory of the processor for a tensor that goes to the device; one for a GPU is pinned, so that nothing waits for the copy. */
at::Tensor staging(at::IntArrayRef sizes, Dtype dtype) {
  // Scalars stay with the processor: LibTorch's ops take them from there, and a copy to a GPU would cost more than the op.
  const bool toGpu = !settings().device.is_cpu() && !sizes.empty();
  return at::empty(sizes, at::TensorOptions(scalarTypeOf(dtype)).pinned_memory(toGpu));
}

/** create(values: Float32Array | Int32Array | Uint8Array, dtype: number, sizes: number[]): handle */
Napi::Value create(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        const Bytes values(info[0]);
        auto tensor = staging(sizesOf(info[2]), static_cast<Dtype>(wholeNumber(info[1], 256, "dtype")));
        if (tensor.nbytes() != values.count) {
          throw std::invalid_argument(std::to_string(values.count) + " bytes came, the shape needs " + std::to_string(tensor.nbytes()));
        }
        if (tensor.nbytes() > 0) std::memcpy(tensor.data_ptr(), values.data, tensor.nbytes());
        if (tensor.dim() > 0) tensor = tensor.to(settings().device, /*non_blocking=*/true);
        return Napi::Number::New(info.Env(), static_cast<double>(tensors().insert(std::move(tensor))));
      },
      [] { return std::string("Creating a tensor"); });
}

/** release(handle) */
void release(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { tensors().release(handleOf(info[0])); }, [] { return std::string("Disposing of a tensor"); });
}

const char* arrayName(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32:
      return "Float32Array";
    case Dtype::int32:
      return "Int32Array";
    case Dtype::boolean:
      return "Uint8Array";
  }
  throw std::logic_error("unknown dtype");
}

/**
 * A new typed array with room for the values of `tensor`, as JavaScript sees them. By JavaScript's constructor, which throws where there
 * is no memory, or more values than an array may have; Node's own functions end the process then.
 */
Napi::TypedArray roomFor(const Napi::Env& env, const at::Tensor& tensor) {
  const char* const name = arrayName(dtypeOf(tensor));
  const auto length = static_cast<double>(tensor.numel());
  try {
    return env.Global().Get(name).As<Napi::Function>().New({Napi::Number::New(env, length)}).As<Napi::TypedArray>();
  } catch (const Napi::Error& error) {
    throw std::runtime_error("no " + std::string(name) + " of " + std::to_string(tensor.numel()) + " values: " + error.Message());
  }
}

/** Copies the values of `tensor` to `room`, from whatever device and in whatever precision; waits until they are there. */
void copyTo(void* room, const at::Tensor& tensor) {
  if (tensor.numel() == 0) return;
  at::from_blob(room, tensor.sizes(), at::TensorOptions(scalarTypeOf(dtypeOf(tensor)))).copy_(tensor);
}

const auto readingText = [] { return std::string("Reading a tensor"); };

/** read(handle): TypedArray; waits for the device. */
Napi::Value read(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        const at::Tensor& tensor = tensors().at(handleOf(info[0]));
        const auto array = roomFor(info.Env(), tensor);
        copyTo(array.ArrayBuffer().Data(), tensor);
        return array;
      },
      readingText);
}

/**
 * Copies from the device on a thread of Node's pool, so that the event loop goes on while the device computes. All threads
 * use the device's one default stream, so the copy waits for everything that was started before it.
 */
class AsyncRead : public Napi::AsyncWorker {
 public:
  AsyncRead(const Napi::Env& env, at::Tensor tensor)
      : Napi::AsyncWorker(env), deferred_(Napi::Promise::Deferred::New(env)), tensor_(std::move(tensor)) {
    const auto array = roomFor(env, tensor_);
    room_ = array.ArrayBuffer().Data();
    array_ = Napi::Persistent(array);
  }

  Napi::Promise promise() const { return deferred_.Promise(); }

  void Execute() override {
    try {
      c10::InferenceMode noGradients;
      copyTo(room_, tensor_);
    } catch (const std::exception& error) {
      SetError("Reading a tensor: " + explainMemory(causeOf(error)));
    }
  }

  void OnOK() override { deferred_.Resolve(array_.Value()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  at::Tensor tensor_;
  Napi::Reference<Napi::TypedArray> array_;
  void* room_;
};

/** readAsync(handle): Promise<TypedArray> with the values as they are now. */
Napi::Value readAsync(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        // A copy on the device, as a variable may be updated in place before the thread gets to it.
        auto* worker = new AsyncRead(info.Env(), tensors().at(handleOf(info[0])).clone());
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

/** configure({ device?, threads?, bf16?, bfloat16Instructions?, processorLoops? }) */
void configure(const Napi::CallbackInfo& info) {
  guarded(
      info.Env(),
      [&] {
        if (!info[0].IsObject()) throw std::invalid_argument("the options are no object");
        const auto options = info[0].As<Napi::Object>();
        if (options.Has("device")) settings().device = deviceOf(options.Get("device").As<Napi::String>());
        if (options.Has("threads")) {
          const auto threads = wholeNumber(options.Get("threads"), 1 << 16, "number of threads");
          if (threads == 0) throw std::invalid_argument("at least one thread was expected");
          setThreads(static_cast<int>(threads));
        }
        if (options.Has("bf16")) settings().bf16 = options.Get("bf16").As<Napi::Boolean>();
        if (options.Has("bfloat16Instructions")) {
          settings().bfloat16Instructions = kBfloat16Instructions && options.Get("bfloat16Instructions").As<Napi::Boolean>();
        }
        if (options.Has("processorLoops")) settings().processorLoops = options.Get("processorLoops").As<Napi::Boolean>();
      },
      [] { return std::string("Configuring LibTorch"); });
}

/** about(): { version, cuda, gpus, device, threads, bfloat16Instructions } */
Napi::Value about(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        auto result = Napi::Object::New(info.Env());
        result.Set("version", TORCH_VERSION);
        result.Set("cuda", hasCudaLibrary());
        result.Set("gpus", gpuCount());
        result.Set("device", settings().device.str());
        result.Set("threads", at::get_num_threads());
        result.Set("bfloat16Instructions", settings().bfloat16Instructions);
        return result;
      },
      [] { return std::string("Asking LibTorch about itself"); });
}

/** memory(): { tensors, bytes, gpu?: { name, total, free } } */
Napi::Value memory(const Napi::CallbackInfo& info) {
  return guarded(
      info.Env(),
      [&]() -> Napi::Value {
        auto result = Napi::Object::New(info.Env());
        result.Set("tensors", static_cast<double>(tensors().size()));
        result.Set("bytes", static_cast<double>(tensors().bytes()));
        if (const auto gpu = describeGpu(settings().device)) {
          auto figures = Napi::Object::New(info.Env());
          figures.Set("name", gpu->name);
          figures.Set("total", static_cast<double>(gpu->total));
          figures.Set("free", static_cast<double>(gpu->free));
          result.Set("gpu", figures);
        }
        return result;
      },
      [] { return std::string("Asking for the memory in use"); });
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  keepHostMemory();
  keepFloat32();
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
