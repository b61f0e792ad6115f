"""Does `convert` choose the right norms? 120 timm networks, judged by an oracle that knows nothing of the rule's means.

    python -m tests.checks.convert_places [NETWORK ...]

The network runs on numbers. A chosen norm is right if its input is a spatial convolution's output (or their
concatenation), and if a pointwise convolution is given what the norm alone decides: with the norm's output held fixed,
what goes into the convolution stays the same, bit by bit, for two other images; with another output it does not.
Prints a line per network and the counts.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from typing import Any

import timm
import torch
from torch import Tensor, nn

from an_cli.errors import ConfigError
from an_cli.norm import NormSite, convert
from an_cli.norm.sites import norm_sites, second_of_bottleneck

NETWORKS = """
resnet18 resnet26 resnet26d resnet26t resnet34 resnet50 resnet50d resnetaa50 resnetblur50 resnetrs50 wide_resnet50_2
resnext26ts resnext50_32x4d resnext50d_32x4d seresnet18 seresnet34 seresnet50 seresnext26d_32x4d seresnext50_32x4d
seresnext26t_32x4d ecaresnet26t ecaresnet50d ecaresnetlight skresnet18 skresnet34 skresnext50_32x4d res2net50_26w_4s
res2next50 res2net50d resnest14d resnest26d resnest50d_1s4x24d resnetv2_50 resnetv2_50d resnet14t resnet32ts
resnet33ts gcresnet33ts gcresnext26ts gcresnext50ts gcresnet50t seresnet33ts eca_resnet33ts eca_resnext26ts
bat_resnext26ts regnetx_002 regnetx_008 regnety_002 regnety_008 regnetz_b16 regnetz_c16 regnetz_040 regnetv_040
mobilenetv1_100 mobilenetv2_100 mobilenetv2_035 mobilenetv2_110d mobilenetv3_large_100 mobilenetv3_small_100
mobilenetv3_rw hardcorenas_a fbnetc_100 fbnetv3_b mnasnet_100 mnasnet_small semnasnet_100 spnasnet_100 tinynet_a
tinynet_e lcnet_050 lcnet_100 lcnetv2_base mobilenetv4_conv_small mobilenetv4_conv_medium mobilenet_edgetpu_v2_s
efficientnet_b0 efficientnet_b1 efficientnet_lite0 efficientnet_es efficientnet_em efficientnetv2_s
efficientnetv2_rw_t efficientnet_b1_pruned efficientnet_cc_b0_4e tf_efficientnet_b0 tf_efficientnetv2_b0
gc_efficientnetv2_rw_t mixnet_s mixnet_m mixnet_l tf_mixnet_s rexnet_100 rexnetr_100 ghostnet_050 ghostnet_100
ghostnetv2_100 repvgg_a0 repvgg_b0 repvit_m0_9 repvit_m1 repghostnet_050 mobileone_s0 mobileone_s1 fastvit_t8
starnet_s1 hgnet_tiny hgnetv2_b0 hgnetv2_b2 hardcorenas_b vovnet39a eca_vovnet39b ese_vovnet19b_dw ese_vovnet39b
cspresnet50 cspresnet50d cspresnext50 cspdarknet53 darknet17 darknet53 darknetaa53 cs3darknet_s cs3darknet_focus_s
cs3sedarknet_l cs3edgenet_x densenet121 densenetblur121d dla34 dla46_c dla60 dla60x dla60_res2net dpn48b dpn68
dpn68b dm_nfnet_f0 nf_resnet50 hrnet_w18_small selecsls42 selecsls60 inception_v3 inception_v4 xception41 xception65
xception71 legacy_seresnet18 legacy_seresnext26_32x4d gernet_s gernet_m vgg11_bn vgg16_bn nfnet_l0 tresnet_m
halonet26t botnet26t_256 lambda_resnet26t sehalonet33ts coatnet_nano_rw_224 maxvit_tiny_tf_224 edgenext_xx_small
mobilevit_xxs mobilevitv2_050 levit_128s poolformer_s12 pit_ti_224 visformer_tiny convmixer_768_32 sequencer2d_s
crossvit_9_240 nest_tiny
""".split()  # noqa: SIM905 - a list of 150 names is read by nobody


def run(network: nn.Module, images: Tensor, norm: nn.Module, forced: Tensor | None) -> dict[str, Any]:
    """One forward pass; what went in and out of every convolution and of one norm, which may put out a given tensor."""
    seen: dict[str, Any] = {"conv_in": {}, "conv_out": []}

    def convolution(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> None:
        seen["conv_in"].setdefault(module, inputs[0].detach().clone())
        seen["conv_out"].append((module, output))

    def normalization(module: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor | None:
        seen["norm_in"], seen["norm_out"] = inputs[0], output
        return None if forced is None else forced.clone()  # what follows may work in place

    handles = [m.register_forward_hook(convolution) for m in network.modules() if isinstance(m, nn.Conv2d)]
    handles.append(norm.register_forward_hook(normalization))
    with torch.no_grad():
        network(images)
    for handle in handles:
        handle.remove()
    return seen


def is_right(network: nn.Module, site: NormSite, images: Tensor) -> str:
    """Why a chosen place is wrong; empty for a right one."""
    plain = run(network, images, site.norm, None)
    out = plain["norm_out"]
    sources = [
        conv for conv, made in plain["conv_out"]
        if made is plain["norm_in"] or _is_part(made, plain["norm_in"])
    ]  # fmt: skip
    if not sources:
        return "its input is no convolution's output"
    if any(max(conv.kernel_size) == 1 for conv in sources):
        return "a pointwise convolution feeds it"
    fixed, other = torch.rand_like(out), torch.rand_like(out)
    first = run(network, images, site.norm, fixed)["conv_in"]
    again = run(network, torch.rand_like(images), site.norm, fixed)["conv_in"]
    moved = run(network, images, site.norm, other)["conv_in"]
    fed = [
        conv for conv, value in first.items()
        if torch.equal(value, again[conv]) and not torch.equal(value, moved[conv])
        and value.shape[2] > 1 and value.dim() == 4
    ]  # fmt: skip
    if not any(max(conv.kernel_size) == 1 for conv in fed):
        return "no pointwise convolution is given what it alone decides"
    return ""


def _is_part(made: Tensor, whole: Tensor) -> bool:
    """Whether an output is one of those that were concatenated."""
    width = made.shape[1]
    if width >= whole.shape[1] or made.shape[2:] != whole.shape[2:]:
        return False
    return any(torch.equal(whole[:, at : at + width], made) for at in range(whole.shape[1] - width + 1))


def main() -> int:
    """Judge them; 0 when no place is wrong."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(2)
    counts: Counter[str] = Counter()
    for name in sys.argv[1:] or NETWORKS:
        try:
            network = timm.create_model(name, num_classes=10).eval()
        except Exception:
            counts["not in this timm"] += 1
            continue
        side = 96 if not network.pretrained_cfg.get("fixed_input_size") else network.pretrained_cfg["input_size"][-1]
        images = torch.rand(2, 3, side, side)
        chosen = [site for site in norm_sites(network) if second_of_bottleneck(site)]
        counts["networks"] += 1
        if not chosen:
            try:
                convert(network, 4)
            except ConfigError as error:
                counts["refused"] += 1
                print(f"{name}: refused: {str(error)[:90]}", flush=True)
            continue
        try:
            run(network, images, chosen[0].norm, None)
        except Exception as error:
            counts["not run at 96 pixels"] += 1
            print(f"{name}: {len(chosen)} places not judged: {str(error)[:80]}", flush=True)
            continue
        picked = chosen if len(chosen) <= 8 else [*chosen[:3], chosen[len(chosen) // 2], *chosen[-4:]]
        wrong = {site.name: why for site in picked if (why := is_right(network, site, images))}
        counts["places"] += len(chosen)
        counts["places judged"] += len(picked)
        counts["wrong"] += len(wrong)
        print(
            f"{name}: {len(chosen)} of {len(norm_sites(network))} norms{f', WRONG {wrong}' if wrong else ''}",
            flush=True,
        )
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
