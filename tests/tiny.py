"""A tiny cell on synthetic data, trained in well under a second per epoch."""

TINY = (
    "model=resnet_small",
    "model.widths=[4,4,8,8]",
    "model.stem_width=4",
    "norm.attention.components=[2,2,3,3]",
    "recipe=demo",
    "recipe.epochs=3",
    "recipe.batch_per_replica=8",
    "recipe.augment=shift_flip",
    "data=synthetic",
    "data.channels=1",
    "data.mean=[0.5]",
    "data.std=[0.25]",
    "data.image_size=16",
    "data.train_samples=40",
    "data.eval_samples=20",
    "launch.device=cpu",
    "launch.loader_workers=0",
)
