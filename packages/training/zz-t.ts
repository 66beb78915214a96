import { tf, useBackend } from "@dinov2/tensor";
await useBackend({ name: "wasm" });
const B=64, C=3, h=6, p=8, w=6;
const x = tf.randomNormal([B,C,h*p,w*p]) as tf.Tensor4D;
const a = () => tf.transpose(tf.reshape(x,[B,C,h,p,w,p]),[0,2,4,1,3,5]);
const b = () => tf.transpose(tf.reshape(tf.transpose(tf.reshape(x,[B,C,h,p*w*p]),[0,2,1,3]),[B*h,C*p,w,p]),[0,2,1,3]);
const idx = new Int32Array(B*C*h*p*w); { let k=0; for(let i=0;i<B;i++)for(let y=0;y<h;y++)for(let xx=0;xx<w;xx++)for(let c=0;c<C;c++)for(let r=0;r<p;r++) idx[k++]=((i*C+c)*h*p+y*p+r)*w+xx; }
const it = tf.tensor1d(idx,"int32");
const c = () => tf.gather(tf.reshape(x,[B*C*h*p*w,p]), it);
for (const [n,f] of [["6d",a],["2x4d",b],["gather",c]] as const) { for(let i=0;i<3;i++) tf.tidy(()=>{f();}); const t=performance.now(); for(let i=0;i<10;i++) tf.tidy(()=>{f();}); console.log(n,(performance.now()-t)/10); }
const A=a().dataSync(), Bd=b().dataSync(), Cd=c().dataSync(); let d=0; for(let i=0;i<A.length;i++) d=Math.max(d,Math.abs(A[i]!-Bd[i]!),Math.abs(A[i]!-Cd[i]!)); console.log("diff",d);
process.exit();
